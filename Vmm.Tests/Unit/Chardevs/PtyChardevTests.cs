using Microsoft.Win32.SafeHandles;
using Vmm.Core.Chardevs;
using Vmm.Core.Native;
using Vmm.Tests.Unit.Descriptors;

namespace Vmm.Tests.Unit.Chardevs;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PtyChardevTests : IDisposable
{
    private readonly ChardevBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Test]
    public void The_slave_is_named()
    {
        var pty = Opened();

        Assert.That(pty.SlavePath, Does.StartWith("/dev/pts/"));
        Assert.That(pty.FileName, Is.EqualTo($"pty:{pty.SlavePath}"));
    }

    [Test]
    public void Bytes_go_both_ways_unchanged()
    {
        var pty = Opened();
        var frontEnd = new CollectingFrontEnd(pty);
        using var slave = OpenSlave(pty);
        byte[] every = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];

        frontEnd.WriteAll(every);
        FileDescriptor.Write(slave, every);

        frontEnd.WaitFor(256);
        Assert.That(frontEnd.Received, Is.EqualTo(every));
        Assert.That(ReadExactly(slave, 256), Is.EqualTo(every));
    }

    [Test]
    public void Output_is_dropped_until_the_slave_is_opened_and_after_it_is_closed()
    {
        var pty = Opened();
        Assert.That(pty.Write(new byte[100_000]), Is.EqualTo(100_000));

        using (var first = OpenSlave(pty))
        {
            pty.Write("one"u8);
            Assert.That(ReadExactly(first, 3), Is.EqualTo("one"u8.ToArray()));
        }

        Assert.That(() => pty.Write(new byte[100_000]), Is.EqualTo(100_000).After(20_000, 10));
        using var second = OpenSlave(pty);
        pty.Write("two"u8);
        Assert.That(ReadExactly(second, 3), Is.EqualTo("two"u8.ToArray()));
    }

    [Test]
    public void Typed_input_arrives_without_any_output()
    {
        var pty = Opened();
        var frontEnd = new CollectingFrontEnd(pty);
        using var slave = OpenSlave(pty);

        FileDescriptor.Write(slave, "typed"u8);

        frontEnd.WaitFor(5);
    }

    [Test]
    public void A_terminal_program_keeps_its_terminal_over_a_handover()
    {
        var old = Opened();
        using var slave = OpenSlave(old);
        var next = _bench.Keep(new PtyChardev("serial0", _bench.NewLoop()));
        var frontEnd = new CollectingFrontEnd(next);

        ChardevBench.HandOver(old, next);
        FileDescriptor.Write(slave, "typed"u8);
        next.Write("shown"u8);

        frontEnd.WaitFor(5);
        Assert.That(next.SlavePath, Is.EqualTo(old.SlavePath));
        Assert.That(ReadExactly(slave, 5), Is.EqualTo("shown"u8.ToArray()));
    }

    [Test]
    public void A_link_to_the_slave_belongs_to_the_process_that_has_the_guest()
    {
        string link = _bench.PathOf("console");
        var old = _bench.Keep(new PtyChardev("serial0", _bench.Loop, link));
        old.Open();
        var next = _bench.Keep(new PtyChardev("serial0", _bench.NewLoop(), link));

        ChardevBench.HandOver(old, next);
        old.Dispose();
        Assert.That(new FileInfo(link).LinkTarget, Is.EqualTo(next.SlavePath));
        next.Dispose();

        Assert.That(new FileInfo(link).LinkTarget, Is.Null);
    }

    [Test]
    public void A_descriptor_that_is_no_master_is_refused()
    {
        using var crossed = HandedOver.With(("chardev/serial0/pty", File.OpenHandle("/dev/null")));

        Assert.That(
            () => _bench.Keep(new PtyChardev("serial0", _bench.Loop)).Adopt(crossed),
            Throws.InstanceOf<IOException>().With.Message.Contains("master of a pseudo-terminal expected"));
    }

    [Test]
    public void A_raw_terminal_gets_its_former_mode_back()
    {
        var (master, slavePath) = TerminalDevice.CreatePty();
        using var keep = master;
        using var slave = File.OpenHandle(slavePath, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var cooked = TerminalDevice.GetAttributes(slave);
        cooked.LocalFlags |= 0x8 | 0x2 | 0x1;
        TerminalDevice.SetAttributes(slave, cooked);

        using (TerminalMode.TryEnterRaw(slave, signalKeys: true))
        {
            Assert.That(TerminalDevice.GetAttributes(slave).LocalFlags & 0xb, Is.EqualTo(0x1), "no echo, no lines, but Ctrl-C");
        }

        Assert.That(TerminalDevice.GetAttributes(slave).LocalFlags, Is.EqualTo(cooked.LocalFlags));
    }

    [Test]
    public void What_is_no_terminal_has_no_mode()
    {
        using var nothing = File.OpenHandle("/dev/null");

        Assert.That(TerminalMode.TryEnterRaw(nothing, signalKeys: true), Is.Null);
    }

    private static SafeFileHandle OpenSlave(PtyChardev pty) =>
        File.OpenHandle(pty.SlavePath!, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);

    private static byte[] ReadExactly(SafeFileHandle handle, int count)
    {
        var all = new List<byte>();
        byte[] buffer = new byte[512];
        Assert.That(
            () =>
            {
                for (int got; (got = FileDescriptor.ReadNow(handle, buffer)) > 0;)
                {
                    all.AddRange(buffer.AsSpan(0, got));
                }

                return all.Count;
            },
            Is.EqualTo(count).After(20_000, 5));
        return [.. all];
    }

    private PtyChardev Opened()
    {
        var pty = _bench.Keep(new PtyChardev("serial0", _bench.Loop));
        pty.Open();
        pty.Start();
        return pty;
    }
}
