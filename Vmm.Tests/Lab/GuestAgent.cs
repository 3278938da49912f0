// A client of Debian's QEMU guest agent, on the socket of the virtio port that the agent serves in the guest. It connects once: the connection goes
// from process to process with the guest. The agent answers one request after the other, with a line each, and no answer says which request it
// belongs to. So one is asked at a time, and after the last one no line may be left over. guest-sync-delimited returns the number that it is
// given: an answer that is lost, damaged or comes twice shows at the next of them.

using System.Globalization;
using System.Text;
using System.Text.Json;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.Lab;

/// <summary>A connected client of the guest's agent.</summary>
internal sealed class GuestAgent : IAsyncDisposable
{
    private const char Delimiter = '\u00ff';

    // A guest that did nothing but answer would delay the test that it is in.
    private static readonly TimeSpan BetweenQuestions = TimeSpan.FromMilliseconds(50);

    private readonly LinuxGuest _guest;
    private readonly ConsoleReader _connection;
    private readonly CancellationTokenSource _enough = new();
    private Task _asking = Task.CompletedTask;
    private int _asked;

    private GuestAgent(LinuxGuest guest, ConsoleReader connection)
    {
        _guest = guest;
        _connection = connection;
    }

    /// <summary>How many questions it has answered.</summary>
    internal int Answers => _connection.Lines.Count;

    /// <summary>Starts the agent in the guest if it does not run, and connects to it.</summary>
    internal static async Task<GuestAgent> ConnectAsync(LinuxGuest guest)
    {
        await guest.RunAsync("pidof qemu-ga || guest-agent");
        var agent = new GuestAgent(guest, new ConsoleReader(await guest.Process.ConnectAsync(LinuxDevices.AgentSocket)));
        await agent.SyncAsync();
        return agent;
    }

    /// <summary>Has the agent execute a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="arguments">Its arguments, a JSON object.</param>
    /// <returns>What it returns.</returns>
    internal async Task<JsonElement> AskAsync(string command, string arguments = "{}")
    {
        string answer = await _guest.GiveTimeAsync($"{command} of the guest's agent", Timeouts.Answer, async (limit, end) =>
        {
            var line = _connection.WaitForNextLineAsync(_ => true, limit, end);
            await _connection.TypeAsync($$"""{"execute": "{{command}}", "arguments": {{arguments}}}""", end);
            return (await line).Text;
        });
        _asked++;
        Assert.That(JsonElement.Parse(answer.TrimStart(Delimiter)).TryGetProperty("return", out var value), Is.True, $"{command} of the guest's agent: {answer}");
        return value;
    }

    /// <summary>Has the agent run a program, and waits for its end.</summary>
    /// <returns>What it wrote.</returns>
    internal async Task<string> RunAsync(string program, string argument)
    {
        var started = await AskAsync("guest-exec", $$"""{"path": "{{program}}", "arg": ["{{argument}}"], "capture-output": true}""");
        string question = $$"""{"pid": {{started.GetProperty("pid").GetInt64()}}}""";
        JsonElement status;
        do
        {
            status = await AskAsync("guest-exec-status", question);
        }
        while (!status.GetProperty("exited").GetBoolean());
        Assert.That(status.GetProperty("exitcode").GetInt32(), Is.Zero, program);
        return Encoding.UTF8.GetString(status.GetProperty("out-data").GetBytesFromBase64());
    }

    /// <summary>From now on asks one question after the other, whatever happens to the guest's process.</summary>
    internal void KeepAsking() => _asking = AskOnAsync();

    /// <summary>While it keeps asking: waits for the answer to a question that is not asked yet.</summary>
    internal async Task AnswersAgainAsync()
    {
        for (int answer = 0; answer < 2; answer++)
        {
            var next = NextAsync();
            await await Task.WhenAny(next, FailureAsync());
        }

        Task<ConsoleLine> NextAsync() => _guest.GiveTimeAsync(
            "an answer of the guest's agent", Timeouts.Answer, (limit, end) => _connection.WaitForNextLineAsync(_ => true, limit, end));
    }

    /// <summary>Asks no more, and judges: each question had one answer, on the one connection.</summary>
    internal async Task EndAsync()
    {
        await _enough.CancelAsync();
        await _asking;
        await SyncAsync();
        Assert.That(Answers, Is.EqualTo(_asked), "answers, one to each question");
        Assert.That(_connection.Closed.IsCompleted, Is.False, "the client was disconnected");
    }

    public async ValueTask DisposeAsync()
    {
        await _enough.CancelAsync();
        await _connection.DisposeAsync();
        await Task.WhenAny(_asking);
        _enough.Dispose();
    }

    private async Task SyncAsync()
    {
        int number = _asked;
        var returned = await AskAsync("guest-sync-delimited", string.Create(CultureInfo.InvariantCulture, $$"""{"id": {{number}}}"""));
        Assert.That(returned.GetInt32(), Is.EqualTo(number), "the number that guest-sync-delimited was given");
    }

    private async Task AskOnAsync()
    {
        while (!_enough.IsCancellationRequested)
        {
            await SyncAsync();
            await Task.Delay(BetweenQuestions);
        }
    }

    /// <summary>Completes only when asking has failed.</summary>
    private async Task FailureAsync()
    {
        await _asking;
        await Task.Delay(Timeout.Infinite, _enough.Token);
    }
}
