using System.Text;

namespace Vmm.Lab.Drivers;

/// <summary>A human monitor session, as a user at a terminal has one: a line in, text up to the next prompt out.</summary>
public sealed class HmpClient
{
    private readonly Stream _input;
    private readonly Stream _output;
    private readonly string _prompt;
    private readonly StringBuilder _raw = new();

    private HmpClient(Stream input, Stream output, string prompt)
    {
        _input = input;
        _output = output;
        _prompt = prompt;
    }

    /// <summary>What was said before the first prompt.</summary>
    public string Banner { get; private set; } = "";

    /// <summary>Waits for the first prompt.</summary>
    /// <param name="input">Where lines go: a monitor's standard input, or its socket.</param>
    /// <param name="output">Where its text comes from: its standard output, or the same socket.</param>
    /// <param name="prompt">What it ends each answer with.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<HmpClient> OpenAsync(
        Stream input, Stream output, string prompt = "(qemu) ", CancellationToken cancellation = default)
    {
        var client = new HmpClient(input, output, prompt);
        client.Banner = await client.ReadToPromptAsync("its start", cancellation);
        return client;
    }

    /// <summary>Types a line and waits for the next prompt.</summary>
    /// <returns>The answer, without the echo and without the prompt; lines end with a line feed.</returns>
    public async Task<string> ExecuteAsync(string line, CancellationToken cancellation = default)
    {
        await _input.WriteAsync(Encoding.UTF8.GetBytes(line + "\n"), cancellation);
        await _input.FlushAsync(cancellation);
        var answer = await ReadToPromptAsync($"`{line}`", cancellation);
        return answer.StartsWith(line + "\n", StringComparison.Ordinal) ? answer[(line.Length + 1)..] : answer;
    }

    private async Task<string> ReadToPromptAsync(string after, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Timeouts.Answer);
        var buffer = new byte[4096];
        while (true)
        {
            var text = TerminalText.Of(_raw.ToString());
            if (text == _prompt || text.EndsWith("\n" + _prompt, StringComparison.Ordinal))
            {
                _raw.Clear();
                return text[..^_prompt.Length];
            }

            int count;
            try
            {
                count = await _output.ReadAsync(buffer, deadline.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new TimeoutException($"the monitor gave no prompt after {after}; it said: {text}");
            }

            if (count == 0)
            {
                throw new IOException($"the monitor closed after {after}; it said: {text}");
            }

            _raw.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
    }
}
