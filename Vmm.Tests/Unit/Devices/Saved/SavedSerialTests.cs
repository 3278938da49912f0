using Vmm.Core.Devices.Isa.Serial;
using Vmm.Core.State;

namespace Vmm.Tests.Unit.Devices.Saved;

/// <summary>A serial port in the form that QEMU's section has.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class SavedSerialTests
{
    [Test]
    public void An_idle_port_is_eleven_bytes()
    {
        var file = SavedFile.Of(FormOf(new SerialState
        {
            Divisor = 0x0102,
            ReceiveBuffer = 3,
            InterruptEnable = 1,
            LineControl = 0x13,
            ModemControl = 0x0b,
            ModemStatus = 0xb0,
            Scratch = 0x5a,
            FifoControl = 0xc1,
        }));

        Assert.That(Convert.ToHexString(file["serial 0"]), Is.EqualTo("0102" + "03" + "01" + "C1" + "13" + "0B" + "60" + "B0" + "5A" + "C1"));
    }

    [Test]
    public void With_FIFOs_the_byte_that_is_offered_has_left_for_the_shift_register()
    {
        var state = new SerialState { FifoControl = 0x01, ReceiveCount = 2, TransmitCount = 2, InterruptEnable = 1 };
        "AB"u8.CopyTo(state.ReceiveBytes);
        "xy"u8.CopyTo(state.TransmitBytes);

        var file = SavedFile.Of(FormOf(state));

        string fifo(string name, string bytes, int count) =>
            "05" + $"{name.Length:X2}" + Hex(name) + "00000001" + bytes.PadRight(32, '0') + "00000000" + $"{count:X8}";
        Assert.That(Convert.ToHexString(file["serial 0"]), Is.EqualTo(
            "0000" + "00" + "01" + "C4" + "00" + "00" + "01" + "00" + "00" + "01"
            + "050A" + Hex("serial/tsr") + "00000001" + "00000001" + "00" + Hex("x")
            + fifo("serial/recv_fifo", Hex("AB"), 2) + fifo("serial/xmit_fifo", Hex("y"), 1)));
    }

    [TestCase(0x01, false, Description = "due, and behind a received byte")]
    [TestCase(0x02, true)]
    public void An_interrupt_that_another_one_hides_is_written_out(byte received, bool isPlain)
    {
        var state = new SerialState { InterruptEnable = 0x03, TransmitEmptyPending = true, ReceiveCount = (byte)(received == 1 ? 1 : 0) };

        var file = SavedFile.Of(FormOf(state));

        Assert.That(file["serial 0"], Has.Length.EqualTo(isPlain ? 11 : 11 + 1 + 1 + "serial/thr_ipending".Length + 4 + 4));
    }

    [Test]
    public void Any_port_comes_back()
    {
        for (int seed = 0; seed < 2000; seed++)
        {
            var state = Any(new Random(seed));

            SavedDevicesTests.AssertComesBack(SerialState.Layout, state, new SerialState(), holder => new SerialSavedForm(holder, "serial", 3));
        }
    }

    [TestCase("xmit_fifo", 17u, 0u)]
    [TestCase("recv_fifo", 3u, 16u)]
    public void A_FIFO_that_cannot_be_is_refused(string name, uint count, uint head)
    {
        var state = new SerialState { FifoControl = 1, ReceiveCount = 5, TransmitCount = 5 };
        byte[] file = SavedFile.Of(FormOf(state))["serial 0"];
        int at = Find(file, name) + name.Length + 4 + 16;
        (file[at + 3], file[at + 7]) = ((byte)head, (byte)count);

        Assert.That(
            () => SavedFile.Load(FormOf(new SerialState()), new() { ["serial 0"] = file }),
            Throws.TypeOf<StateException>().With.Message.EqualTo($"serial {name}: head below 16 and at most 16 bytes expected, {head} and {count} found"));
    }

    [Test]
    public void A_FIFO_that_is_full_and_a_byte_before_it_are_refused()
    {
        var state = new SerialState { FifoControl = 1, TransmitCount = 5 };
        byte[] file = SavedFile.Of(FormOf(state))["serial 0"];
        file[Find(file, "xmit_fifo") + "xmit_fifo".Length + 4 + 16 + 7] = 16;

        Assert.That(
            () => SavedFile.Load(FormOf(new SerialState()), new() { ["serial 0"] = file }),
            Throws.TypeOf<StateException>().With.Message.EqualTo("serial tsr and xmit_fifo: 0 to 16 bytes expected, 17 found"));
    }

    /// <summary>A ring of a file by QEMU begins anywhere.</summary>
    [Test]
    public void A_ring_is_read_from_its_head()
    {
        var state = new SerialState { FifoControl = 1, ReceiveCount = 16 };
        "klmnopABCDEFGHIJ"u8.CopyTo(state.ReceiveBytes);
        byte[] file = SavedFile.Of(FormOf(state))["serial 0"];
        int at = Find(file, "recv_fifo") + "recv_fifo".Length + 4 + 16;
        (file[at + 3], file[at + 7]) = (6, 12);
        var next = new SerialState();

        SavedFile.Load(FormOf(next), new() { ["serial 0"] = file });

        Assert.That(next.ReceiveBytes.AsSpan(0, next.ReceiveCount).ToArray(), Is.EqualTo("ABCDEFGHIJkl"u8.ToArray()));
    }

    private static SerialState Any(Random random)
    {
        byte[] some = new byte[16];
        random.NextBytes(some);
        var state = new SerialState
        {
            Divisor = (ushort)random.Next(),
            ReceiveBuffer = some[0],
            InterruptEnable = (byte)(some[1] & 0x0f),
            LineControl = some[2],
            ModemControl = (byte)(some[3] & 0x1f),
            LineErrors = (byte)(some[4] & 0x1e),
            ModemStatus = some[5],
            Scratch = some[6],
            FifoControl = (byte)((some[7] & 1) != 0 ? some[7] & 0xc9 : 0),
        };
        int capacity = state.IsFifo ? 16 : 1;
        state.ReceiveCount = (byte)random.Next(capacity + 1);
        state.TransmitCount = (byte)random.Next(capacity + 1);
        random.NextBytes(state.ReceiveBytes.AsSpan(0, state.ReceiveCount));
        random.NextBytes(state.TransmitBytes.AsSpan(0, state.TransmitCount));

        // What has no effect: while the interrupt is disabled, and the byte read last while another one has come.
        state.TransmitEmptyPending = (some[8] & 1) != 0 && (state.InterruptEnable & 0x02) != 0;
        if (!state.IsFifo && state.ReceiveCount > 0)
        {
            state.ReceiveBuffer = state.ReceiveBytes[0];
        }

        return state;
    }

    private static int Find(byte[] file, string name) => file.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes($"/{name}")) + 1;

    private static string Hex(string text) => Convert.ToHexString(System.Text.Encoding.ASCII.GetBytes(text));

    private static SerialSavedForm FormOf(SerialState state) => new(new RecordHolder<SerialState>(SerialState.Layout, state), "serial", 0);
}
