using Vmm.Core.Backends.Net;
using Vmm.Core.Chardevs;
using Vmm.Core.Devices.Clock;
using Vmm.Core.Devices.IoApic;
using Vmm.Core.Devices.Isa.Acpi;
using Vmm.Core.Devices.Isa.Cmos;
using Vmm.Core.Devices.Isa.DebugConsole;
using Vmm.Core.Devices.Isa.I8042;
using Vmm.Core.Devices.Isa.Serial;
using Vmm.Core.Devices.Virtio;
using Vmm.Core.Devices.Virtio.Block;
using Vmm.Core.Devices.Virtio.Console;
using Vmm.Core.Devices.Virtio.Net;
using Vmm.Core.Devices.Virtio.Rng;
using Vmm.Core.Machines;
using Vmm.Core.State;
using Vmm.Kvm.Clocks;
using Vmm.Kvm.Cpus;
using Vmm.Kvm.Devices;
using Vmm.Tests.Unit.State;

namespace Vmm.Tests.Unit.Migration;

/// <summary>A record of every layout, each field with a value of its own, and what a reader of its description must find.</summary>
internal static class DescribedRecords
{
    /// <summary>What is found of <see cref="FillVirtio"/>'s.</summary>
    private const string VirtioFields = """
        .virtio.status = 15
        .virtio.host_features_sel = 2
        .virtio.guest_features_sel = 3
        .virtio.guest_features = 4294967296
        .virtio.queue_sel = 4
        .virtio.isr = 1
        .virtio.generation = 5
        .virtio.queue_count = 1
        .virtio.queues.num = 8
        .virtio.queues.ready = true
        .virtio.queues.desc = 4096
        .virtio.queues.avail = 8192
        .virtio.queues.used = 12288
        .virtio.queues.last_avail_idx = 6
        .virtio.queues.used_idx = 7
        """;

    public static IEnumerable<TestCaseData> All()
    {
        yield return Case(SerialState.Layout, new SerialState
        {
            Divisor = 0x102,
            ReceiveBuffer = 3,
            InterruptEnable = 4,
            LineControl = 5,
            ModemControl = 6,
            LineErrors = 7,
            ModemStatus = 8,
            Scratch = 9,
            FifoControl = 10,
            TransmitEmptyPending = true,
            ReceiveCount = 1,
            TransmitCount = 2,
        }, s => (Fill(s.ReceiveBytes, 11), Fill(s.TransmitBytes, 12)), """
            .divider = 258
            .rbr = 3
            .ier = 4
            .lcr = 5
            .mcr = 6
            .lsr_errors = 7
            .msr = 8
            .scr = 9
            .fcr = 10
            .thr_ipending = true
            :serial/recv_fifo.count = 1
            :serial/recv_fifo.data = 0b*16
            :serial/xmit_fifo.count = 2
            :serial/xmit_fifo.data = 0c*16
            """);
        yield return Case(CmosState.Layout, new CmosState { Selected = 1, Offset = -2, EventsSeenUntil = 3 }, s => Fill(s.Registers, 4), """
            .cmos_data = 04*128
            .cmos_index = 1
            .base_offset = -2
            .noticed = 3
            """);
        yield return Case(IoApicState.Layout, new IoApicState { Id = 1, Select = 2, Requested = 3 }, s => (Fill(s.Unused, 4), FillEntries(s.Entries)), """
            .id = 1
            .ioregsel = 2
            .unused = 04*8
            .irr = 3
            .ioredtbl[0] = 65536
            .ioredtbl[1] = 65537
            .ioredtbl[2] = 65538
            .ioredtbl[3] = 65539
            .ioredtbl[4] = 65540
            .ioredtbl[5] = 65541
            .ioredtbl[6] = 65542
            .ioredtbl[7] = 65543
            .ioredtbl[8] = 65544
            .ioredtbl[9] = 65545
            .ioredtbl[10] = 65546
            .ioredtbl[11] = 65547
            .ioredtbl[12] = 65548
            .ioredtbl[13] = 65549
            .ioredtbl[14] = 65550
            .ioredtbl[15] = 65551
            .ioredtbl[16] = 65552
            .ioredtbl[17] = 65553
            .ioredtbl[18] = 65554
            .ioredtbl[19] = 65555
            .ioredtbl[20] = 65556
            .ioredtbl[21] = 65557
            .ioredtbl[22] = 65558
            .ioredtbl[23] = 65559
            """);
        yield return Case(I8042State.Layout, new I8042State { PendingCommand = 1, Status = 2, Mode = 3, OutputPort = 4, Answer = 5 }, null, """
            .write_cmd = 1
            .status = 2
            .mode = 3
            .outport = 4
            .obdata = 5
            """);
        yield return Case(AcpiState.Layout, new AcpiState { Status = 1, Enable = 2, Control = 3, TimerAcknowledged = ulong.MaxValue }, null, """
            .pm1.sts = 1
            .pm1.en = 2
            .pm1.cnt = 3
            .tmr.acknowledged = 18446744073709551615
            """);
        yield return Case(GuestClockState.Layout, new GuestClockState { Offset = -1, Frozen = true, FrozenAt = 2 }, null, """
            .cpu_clock_offset = -1
            .frozen = true
            .frozen_at = 2
            """);
        yield return Case(ChardevState.Layout, new ChardevState { Queued = 1 }, s => Fill(s.Bytes, 2), """
            .queued = 1
            :chardev/output.bytes = 02*4096
            """);
        yield return Case(RingState.Layout, new RingState(new ChardevState { Queued = 1 }) { Written = 2, Read = 3 }, s => Fill(s.Output.Bytes, 4), """
            .written = 2
            .read = 3
            .output.queued = 1
            .output:chardev/output.bytes = 04*4096
            """);
        yield return Case(OutputLogState.Layout, new OutputLogState { Queued = 4097, Count = 2, Pieces = [new(), new()] }, s => Fill(s.Pieces[1].Bytes, 5), """
            .queued = 4097
            .count = 2
            .pieces[0].bytes = 00*4096
            .pieces[1].bytes = 05*4096
            """);
        yield return Case(
            MuxState.Layout,
            new MuxState { Focus = 1, IsEscaped = true, HasTimestamps = true, FirstAt = -2, PortCount = 1, Ports = [new() { Count = 3 }] },
            s => Fill(s.Ports[0].Bytes, 4),
            """
            .focus = 1
            .escaped = true
            .timestamps = true
            .line_start = false
            .first_at = -2
            .port_count = 1
            .ports.count = 3
            .ports.bytes = 04*256
            """);
        yield return Case(DebugConsoleState.Layout, new DebugConsoleState(), null, """
            .waiting = 0
            """);
        yield return Case(NetState.Layout, DescribedNetRecords.Card(), s => FillVirtio(s.Virtio), $"{DescribedNetRecords.CardFields}\n{VirtioFields}");
        yield return Case(StreamState.Layout, DescribedNetRecords.Stream(), null, DescribedNetRecords.StreamFields);
        yield return Case(RngState.Layout, new RngState { QuotaRemaining = 1 }, s => FillVirtio(s.Virtio), $".quota_remaining = 1\n{VirtioFields}");
        yield return Case(BlockState.Layout, new BlockState(queues: 1) { WriteCache = true, HeldCount = 1, Held = [new HeldRequest { Queue = 8, Head = 9 }] }, s => FillVirtio(s.Virtio), $"""
            .write_cache = true
            .held_count = 1
            .held.queue = 8
            .held.head = 9
            {VirtioFields}
            """);
        yield return Case(ConsoleState.Layout, new ConsoleState(mostPorts: 1) { PortCount = 1, Ports = [new PortState()] }, FillConsole, """
            .port_count = 1
            .ports.id = 1
            .ports.guest_ready = true
            .ports.guest_connected = false
            .ports.host_connected = true
            .ports.announcements = 2
            .ports.open_changes = 1
            .ports.output_consumed = 3
            .ports.input_count = 4
            .ports.input = 05*2048
            .virtio.status = 15
            .virtio.host_features_sel = 2
            .virtio.guest_features_sel = 3
            .virtio.guest_features = 4294967296
            .virtio.queue_sel = 4
            .virtio.isr = 1
            .virtio.generation = 5
            .virtio.queue_count = 4
            .virtio.queues[0].num = 8
            .virtio.queues[0].ready = true
            .virtio.queues[0].desc = 4096
            .virtio.queues[0].avail = 8192
            .virtio.queues[0].used = 12288
            .virtio.queues[0].last_avail_idx = 6
            .virtio.queues[0].used_idx = 7
            .virtio.queues[1].num = 0
            .virtio.queues[1].ready = false
            .virtio.queues[1].desc = 0
            .virtio.queues[1].avail = 0
            .virtio.queues[1].used = 0
            .virtio.queues[1].last_avail_idx = 0
            .virtio.queues[1].used_idx = 0
            .virtio.queues[2].num = 0
            .virtio.queues[2].ready = false
            .virtio.queues[2].desc = 0
            .virtio.queues[2].avail = 0
            .virtio.queues[2].used = 0
            .virtio.queues[2].last_avail_idx = 0
            .virtio.queues[2].used_idx = 0
            .virtio.queues[3].num = 0
            .virtio.queues[3].ready = false
            .virtio.queues[3].desc = 0
            .virtio.queues[3].avail = 0
            .virtio.queues[3].used = 0
            .virtio.queues[3].last_avail_idx = 0
            .virtio.queues[3].used_idx = 0
            """);
        yield return Case(new GlobalState { State = RunState.Paused }, """
            .size = 7
            .runstate = 70 61 75 73 65 64 00*26
            .has_vm_was_suspended = true
            .vm_was_suspended = false
            .unused = 00*66
            """);
        yield return Case(KvmInterruptController.PicLayout, new KvmDeviceState(16), s => Fill(s.Bytes, 1), """
            .registers = 01*16
            """);
        yield return Case(KvmInterruptController.IoApicLayout, new KvmDeviceState(216), s => Fill(s.Bytes, 2), """
            .registers = 02*216
            """);
        yield return Case(KvmPit.PitLayout, new KvmDeviceState(112), s => Fill(s.Bytes, 3), """
            .channels = 03*112
            """);
        yield return Case(KvmClockState.Layout, new KvmClockState { Anchor = new(1, 2, 3), Last = new(4, 5, 6), Frozen = true }, null, """
            .anchor_clock = 1
            .anchor_tsc = 2
            .anchor_raw = 3
            .clock = 4
            .tsc = 5
            .raw = 6
            .frozen = true
            """);
        yield return Case(KvmCpuState.Layout, Cpu(), null, """
            .mp_state = 1
            .vcpu_events = 02*64
            .regs = 03*144
            .sregs2 = 04*320
            .xcrs = 05*392
            .xsave = 06*4096
            .debugregs = 07*128
            .lapic = 08*1024
            .tsc_offset_known = true
            .tsc_offset = 9
            .tsc_read_at = 10
            .msr_count = 11
            .msrs = 0c*8192
            :cpu/nested.nested_size = 13
            :cpu/nested.nested_state = 0e*8320
            :cpu/wait.wait_port = 15
            :cpu/wait.wait_size = 4
            """);
        yield return Case(SampleDevice.Layout, SampleDevice.Filled(), null, """
            .levels[0] = 1
            .levels[1] = 2
            .levels[2] = 65535
            .masks[0] = 3
            .masks[1] = 4294967295
            .bases[0] = 4
            .bases[1] = 18446744073709551615
            .offsets[0] = -5
            .offsets[1] = -9223372036854775808
            .queue_count = 3
            .queues[0].index = 256
            .queues[0].ready = true
            .queues[0].requests[0] = 2560
            .queues[0].requests[1] = 5120
            .queues[1].index = 257
            .queues[1].ready = false
            .queues[1].requests[0] = 2570
            .queues[1].requests[1] = 5140
            .queues[2].index = 258
            .queues[2].ready = true
            .queues[2].requests[0] = 2580
            .queues[2].requests[1] = 5160
            .channels[0].index = 513
            .channels[0].ready = false
            .channels[0].requests[0] = 5130
            .channels[0].requests[1] = 10260
            .channels[1].index = 514
            .channels[1].ready = true
            .channels[1].requests[0] = 5140
            .channels[1].requests[1] = 10280
            .timer.deadline = 81985529216486895
            .timer.period = 8
            .timer:sample-timer/late.late = true
            :sample-device/extra.extra = 7
            """);
        yield return Case(SampleNest.Layout, SampleNest.Uneven(), null, """
            .count = 2
            .devices[0].count = 1
            .devices[0].queues.index = 1
            .devices[0].queues.ready = false
            .devices[1].count = 2
            .devices[1].queues[0].index = 2
            .devices[1].queues[0].ready = false
            .devices[1].queues[1].index = 3
            .devices[1].queues[1].ready = false
            """);
    }

    private static KvmCpuState Cpu()
    {
        var cpu = new KvmCpuState
        {
            MpState = 1,
            TscOffsetKnown = true,
            TscOffset = 9,
            TscReadAt = 10,
            MsrCount = 11,
            NestedSize = 13,
            WaitPort = 15,
            WaitSize = 4,
        };
        byte value = 2;
        foreach (byte[] bytes in (byte[][])[cpu.Events, cpu.RegsBytes, cpu.SregsBytes, cpu.Xcrs, cpu.Xsave, cpu.DebugRegs, cpu.Lapic])
        {
            Fill(bytes, value++);
        }

        Fill(cpu.MsrBytes, 12);
        Fill(cpu.NestedState, 14);
        return cpu;
    }

    private static VirtioState FillVirtio(VirtioState state)
    {
        (state.Status, state.DeviceFeaturesSelect, state.DriverFeaturesSelect, state.QueueSelect, state.InterruptStatus) = (15, 2, 3, 4, 1);
        (state.DriverFeatures, state.ConfigGeneration) = (VirtioFeatures.Version1, 5);
        var queue = state.Queues[0];
        (queue.Size, queue.Ready, queue.NextAvailable, queue.NextUsed) = (8, true, 6, 7);
        (queue.DescriptorAddress, queue.AvailableAddress, queue.UsedAddress) = (0x1000, 0x2000, 0x3000);
        return state;
    }

    private static VirtioState FillConsole(ConsoleState state)
    {
        var port = state.Ports[0];
        (port.Number, port.GuestReady, port.GuestOpen, port.HostOpen) = (1, true, false, true);
        (port.Announcements, port.OpenChanges, port.OutputConsumed, port.InputCount) = (2, 1, 3, 4);
        Fill(port.Input, 5);
        return FillVirtio(state.Virtio);
    }

    private static ulong[] FillEntries(ulong[] entries)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i] = (1 << 16) + (ulong)i;
        }

        return entries;
    }

    private static byte[] Fill(byte[] bytes, byte value)
    {
        Array.Fill(bytes, value);
        return bytes;
    }

    private static TestCaseData Case<T>(StateLayout<T> layout, T record, Func<T, object>? fill, string fields)
        where T : class
    {
        fill?.Invoke(record);
        return Case(new Recorded<T>(layout, record), fields);
    }

    private static TestCaseData Case(IStateful item, string fields) =>
        new TestCaseData(item, fields).SetName($"Every_field_of_{item.Layout.Name}_is_read_by_the_description_alone");
}
