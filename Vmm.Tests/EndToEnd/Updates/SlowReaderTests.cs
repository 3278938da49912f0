using System.Globalization;
using System.Text;
using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>
/// A guest that writes its debug console without end, and a reader that does not read: the guest waits, its monitor does not, an update goes
/// through, and in the end the reader has every line once. With -S among the same arguments, the guest begins when the reader is there.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class SlowReaderTests : UpdateTest
{
    /// <summary>How many words the guest <c>string-out</c> writes by one instruction.</summary>
    private const int StringLength = 250;

    private static readonly string[] Console =
        ["-S", "-chardev", "socket,id=console,path=console.sock,server=on,wait=off", "-debugcon", "chardev:console"];

    [Test]
    [Promise(23)]
    public async Task A_debug_console_whose_reader_sleeps_over_two_updates_loses_and_repeats_nothing()
    {
        var generation = await BootAsync("debugport", Console);
        using var reader = await ConnectReaderAsync(generation);
        await generation.Qmp.ExecuteAsync("cont");
        var ram = Keep(GuestRam.Of(generation.Process));
        ulong stuck = await StuckAsync(ram);

        await generation.Qmp.ExecuteAsync("stop");
        await generation.Qmp.ExecuteAsync("cont");
        for (int hop = 0; hop < 2; hop++)
        {
            generation = await HopAsync(generation);
            await generation.Qmp.ExecuteAsync("cont");
        }

        Assert.That(ram.Count, Is.EqualTo(stuck), "the guest waits on in the new process");

        await ExpectLinesAsync(reader, (int)stuck * 2);
        await QuitAsync(generation);
    }

    [Test]
    [Promise(21)]
    public async Task A_string_instruction_that_waits_in_its_middle_continues_there_two_updates_later()
    {
        var generation = await BootAsync("string-out", Console);
        using var reader = await ConnectReaderAsync(generation);
        await generation.Qmp.ExecuteAsync("cont");
        ulong stuck = await StuckAsync(Keep(GuestRam.Of(generation.Process)));

        for (int hop = 0; hop < 2; hop++)
        {
            var old = generation;
            generation = await HopAsync(old);
            await generation.Qmp.ExecuteAsync("cont");
            await QuitAsync(old);
        }

        uint[] words = await ReadWordsAsync(reader, StringLength * (int)(stuck * 2));
        Assert.That(words, Is.EqualTo(words.Select((_, i) => (uint)(i % StringLength == 0 ? i / StringLength : i % StringLength))));
        await QuitAsync(generation);
    }

    [Test]
    public async Task A_process_whose_guest_waits_for_a_reader_can_be_ended()
    {
        var generation = await BootAsync("debugport", Console);
        using var reader = await ConnectReaderAsync(generation);
        await generation.Qmp.ExecuteAsync("cont");
        await StuckAsync(Keep(GuestRam.Of(generation.Process)));

        await QuitAsync(generation);
    }

    [Test]
    public async Task A_guest_that_waits_for_a_reader_continues_when_that_has_disconnected()
    {
        var generation = await BootAsync("debugport", Console);
        var reader = await ConnectReaderAsync(generation);
        await generation.Qmp.ExecuteAsync("cont");
        var ram = Keep(GuestRam.Of(generation.Process));
        ulong stuck = await StuckAsync(ram);

        reader.Dispose();

        await ram.WaitPastAsync(stuck);
    }

    /// <summary>Connects to the console, and waits until that is noticed: what a guest writes while no client is connected goes nowhere.</summary>
    private async Task<System.Net.Sockets.Socket> ConnectReaderAsync(Generation generation)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        var reader = await DeafPeer.ConnectAsync(InFolder("console.sock"));
        while ((await generation.Qmp.ExecuteAsync("query-chardev")).GetRawText().Contains("\"disconnected:unix:console", StringComparison.Ordinal))
        {
            await Task.Delay(5, deadline.Token);
        }

        return reader;
    }

    /// <summary>Waits until the guest is stopped: every buffer between it and its reader is full.</summary>
    private static async Task<ulong> StuckAsync(GuestRam ram)
    {
        const int Looks = 5;
        using var deadline = new CancellationTokenSource(Timeouts.Boot);
        ulong before = 0;
        for (int same = 0; same < Looks;)
        {
            await Task.Delay(60, deadline.Token);
            ulong now = ram.Count;
            same = now == before && now != 0 ? same + 1 : 0;
            before = now;
        }

        return before;
    }

    /// <summary>Reads the guest's numbers, which begin at 1 and leave none out.</summary>
    private static async Task ExpectLinesAsync(System.Net.Sockets.Socket reader, int count)
    {
        var text = new StringBuilder();
        int lines = 0;
        while (lines < count)
        {
            byte[] piece = await ReadAsync(reader);
            lines += piece.Count(b => b == '\n');
            text.Append(Encoding.ASCII.GetString(piece));
        }

        string[] read = text.ToString().Split('\n')[..^1];
        Assert.That(read, Is.EqualTo(Enumerable.Range(1, read.Length).Select(n => n.ToString(CultureInfo.InvariantCulture))));
    }

    /// <summary>Reads little-endian words, this many or some more.</summary>
    private static async Task<uint[]> ReadWordsAsync(System.Net.Sockets.Socket reader, int count)
    {
        var bytes = new List<byte>();
        while (bytes.Count < count * sizeof(uint))
        {
            bytes.AddRange(await ReadAsync(reader));
        }

        return [.. bytes.Chunk(sizeof(uint)).Where(word => word.Length == sizeof(uint)).Select(word => BitConverter.ToUInt32(word))];
    }

    private static async Task<byte[]> ReadAsync(System.Net.Sockets.Socket reader)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Boot);
        var piece = new byte[65536];
        int got = await reader.ReceiveAsync(piece, deadline.Token);
        Assert.That(got, Is.GreaterThan(0), "the console continues");
        return piece[..got];
    }
}
