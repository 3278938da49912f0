// A vmm process as a benchmark sees it: started, asked over its QMP socket, ended.

using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Vmm.Bench.Processes;

internal sealed class VmmUnderTest : IDisposable
{
    private readonly Process _process;
    private Socket? _qmp;
    private string _pending = "";

    internal VmmUnderTest(string folder, string name, params string[] update)
    {
        Name = name;
        SocketPath = Path.Combine(folder, $"{name}.qmp");
        StartedAt = Stopwatch.GetTimestamp();
        _process = Process.Start(new ProcessStartInfo("out/vmm",
        [
            "-m", "512", "-machine", "aux-ram-share=on", "-kernel", "out/guests/counter.elf", "-nodefaults",
            "-qmp", $"unix:{SocketPath},server=on,wait=off", .. update,
        ]))!;
    }

    internal string Name { get; }

    internal string SocketPath { get; }

    internal long StartedAt { get; }

    /// <summary>Connects, as soon as the socket is there, and reads the greeting.</summary>
    /// <returns>The time from exec to the greeting.</returns>
    internal TimeSpan Greet()
    {
        while (_qmp is null)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(SocketPath));
                _qmp = socket;
            }
            catch (SocketException) when (!_process.HasExited)
            {
                socket.Dispose();
                Thread.Yield();
            }
        }

        ReadLine();
        return Stopwatch.GetElapsedTime(StartedAt);
    }

    internal JsonElement Execute(string command)
    {
        _qmp!.Send(Encoding.ASCII.GetBytes(command + "\r\n"));
        while (true)
        {
            using var reply = JsonDocument.Parse(ReadLine());
            if (reply.RootElement.TryGetProperty("return", out var value))
            {
                return value.Clone();
            }

            if (reply.RootElement.TryGetProperty("error", out var error))
            {
                throw new InvalidOperationException($"{Name}: {command}: {error}");
            }
        }
    }

    /// <summary>Resident memory without the guest's RAM, in KiB: the sum of all mappings but the RAM file's.</summary>
    internal long ResidentKiB()
    {
        long total = 0;
        bool isRam = false;
        foreach (string line in File.ReadLines($"/proc/{_process.Id}/smaps"))
        {
            if (line.Length > 0 && (char.IsAsciiHexDigitLower(line[0]) && line.Contains('-', StringComparison.Ordinal)))
            {
                isRam = line.Contains("memfd:", StringComparison.Ordinal);
            }
            else if (!isRam && line.StartsWith("Rss:", StringComparison.Ordinal))
            {
                total += long.Parse(line.AsSpan(4, line.Length - 6).Trim(), System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        return total;
    }

    public void Dispose()
    {
        _qmp?.Dispose();
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        File.Delete(SocketPath);
    }

    private string ReadLine()
    {
        var buffer = new byte[65536];
        int end;
        while ((end = _pending.IndexOf('\n', StringComparison.Ordinal)) < 0)
        {
            int got = _qmp!.Receive(buffer);
            _pending += got > 0
                ? Encoding.ASCII.GetString(buffer, 0, got)
                : throw new InvalidOperationException($"{Name} closed its monitor");
        }

        string line = _pending[..end];
        _pending = _pending[(end + 1)..];
        return line;
    }
}
