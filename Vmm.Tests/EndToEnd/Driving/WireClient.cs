// A monitor's client that takes nothing for granted: it sees the bytes as they come, in their order, and holds the server
// to its line ends.

using System.Text;
using System.Text.Json;
using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A byte-exact session with a monitor.</summary>
/// <param name="stream">The connection; the client's from now on.</param>
/// <param name="input">Where requests go, if not to the same stream.</param>
internal sealed class WireClient(Stream stream, Stream? input = null) : IAsyncDisposable
{
    private readonly List<byte> _unread = [];

    /// <summary>Sends text as it is.</summary>
    internal async Task SendAsync(string text)
    {
        var to = input ?? stream;
        await to.WriteAsync(Encoding.UTF8.GetBytes(text));
        await to.FlushAsync();
    }

    /// <summary>Sends bytes as they are.</summary>
    internal async Task SendAsync(byte[] bytes) => await (input ?? stream).WriteAsync(bytes);

    /// <summary>The next line without its end, which must be CR LF.</summary>
    internal async Task<string> ReadLineAsync()
    {
        int end;
        while ((end = _unread.IndexOf((byte)'\n')) < 0)
        {
            if (!await FillAsync())
            {
                throw new IOException($"the server closed after \"{Encoding.UTF8.GetString([.. _unread])}\"");
            }
        }

        byte[] line = [.. _unread[..(end + 1)]];
        _unread.RemoveRange(0, end + 1);
        Assert.That(line, Has.Length.GreaterThan(1).And.ItemAt(line.Length - 2).EqualTo((byte)'\r'), "lines end with CR LF");
        Assert.That(line, Has.All.LessThan(0x80), "all is ASCII");
        return Encoding.ASCII.GetString(line[..^2]);
    }

    /// <summary>The next line as JSON.</summary>
    internal async Task<JsonElement> ReadAsync() => JsonElement.Parse(await ReadLineAsync());

    /// <summary>Lines up to the next reply, which is the last of them.</summary>
    internal async Task<List<string>> ReadToReplyAsync()
    {
        var lines = new List<string>();
        do
        {
            lines.Add(await ReadLineAsync());
        }
        while (lines[^1].Contains("\"event\":", StringComparison.Ordinal));
        return lines;
    }

    /// <summary>Sends a request and returns the reply's line; events before it are dropped.</summary>
    internal async Task<string> AskAsync(string request)
    {
        await SendAsync(request);
        return (await ReadToReplyAsync())[^1];
    }

    /// <summary>Reads the greeting and negotiates.</summary>
    internal async Task<WireClient> NegotiateAsync()
    {
        Assert.That(await ReadLineAsync(), Does.StartWith("{\"QMP\":"));
        Assert.That(await AskAsync("{\"execute\":\"qmp_capabilities\"}"), Is.EqualTo("{\"return\":{}}"));
        return this;
    }

    /// <summary>Waits for the server to close; nothing may come before that.</summary>
    internal async Task ExpectEndAsync()
    {
        bool more = await FillAsync();
        Assert.That(more, Is.False, () => $"before the end came: {Encoding.UTF8.GetString([.. _unread])}");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private async Task<bool> FillAsync()
    {
        var buffer = new byte[65536];
        int count = await stream.ReadAsync(buffer).AsTask().WaitAsync(Timeouts.Answer);
        _unread.AddRange(buffer.AsSpan(0, count));
        return count > 0;
    }
}
