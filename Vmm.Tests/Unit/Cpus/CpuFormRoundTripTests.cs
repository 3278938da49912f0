// Whatever KVM says of a vCPU comes back from a saved file to the bit, without any of its structures being in the file twice.

using Vmm.Kvm.Cpus;
using Vmm.Kvm.Native;

namespace Vmm.Tests.Unit.Cpus;

[Parallelizable(ParallelScope.All)]
public sealed class CpuFormRoundTripTests
{
    /// <summary>Registers as KVM lists them, some with a field in QEMU's section and some without.</summary>
    private static readonly uint[] Registers =
    [
        0x174, 0x175, 0x176, 0xc0000081, 0xc0000083, 0xc0000102, 0xc0000084, 0xc0000082, 0x10, 0x277, 0xc0010117, 0x1d9, 0x1db, 0x12, 0x11,
        0x4b564d01, 0x4b564d00, 0x4b564d02, 0x4b564d03, 0x4b564d04, 0x4b564d06, 0x4b564d07, 0x3b, 0x6e0, 0x10a, 0x345, 0x1a0, 0x17a, 0x17b,
        0x34, 0xce, 0x140, 0xc001011f, 0x8b, 0xc0010015, 0x4b564d05, 0x3a, 0x48, 0x9e, 0xe1, 0x122, 0x1c4, 0x1c5, 0x6e1, 0xda0, 0xc0000103,
        0xc0000104, 0x38d, 0x38e, 0x38f, 0x390, 0x560, 0x570, 0x580, 0x309, 0xc1, 0xc8, 0x186, 0x18d, 0x250, 0x268, 0x26f, 0x2ff,
        0x200, 0x201, 0x20e, 0x20f, 0x400, 0x401, 0x427, 0x428, 0x40000000, 0xc0010200,
    ];

    [Test]
    public void Any_state_comes_back_to_the_bit([Range(0, 199)] int seed)
    {
        var vcpu = new SavedVcpu();
        Randomize(vcpu.State, new Random(seed));

        var loaded = SavedVcpu.Of(vcpu.Sections());

        Assert.That(loaded.OwnBytes(), Is.EqualTo(vcpu.OwnBytes()));
        Assert.That((loaded.State.XsaveExtraSize, loaded.State.NestedSize, loaded.State.IsDown, loaded.State.WaitPort, loaded.State.WaitSize),
            Is.EqualTo((vcpu.State.XsaveExtraSize, vcpu.State.NestedSize, vcpu.State.IsDown, vcpu.State.WaitPort, vcpu.State.WaitSize)));
    }

    [Test]
    public void A_state_of_zeros_comes_back()
    {
        var vcpu = new SavedVcpu();
        Assert.That(SavedVcpu.Of(vcpu.Sections()).OwnBytes(), Is.EqualTo(vcpu.OwnBytes()));
    }

    [Test]
    public void The_rest_has_nothing_that_the_other_sections_say()
    {
        var vcpu = new SavedVcpu();
        var state = vcpu.State;
        Randomize(state, new Random(1));
        SavedVcpu.As<KvmVcpuEvents>(state.Events) = new() { InterruptInjected = 1, InterruptNumber = 0x31, NmiMasked = 1, HasErrorCode = 1, ErrorCode = 7 };
        state.Lapic.AsSpan().Clear();
        state.Lapic[0x23] = 3;
        state.Lapic[0x83] = 0x55;

        var sections = vcpu.Sections();
        var rest = SavedVcpu.Places("vmm-cpu", sections["vmm-cpu"]).ToDictionary(
            p => p.Key, p => sections["vmm-cpu"].AsSpan(p.Value.At, p.Value.Field.Size).ToArray());

        Assert.Multiple(() =>
        {
            Assert.That(rest["vcpu_events"], Is.All.Zero);
            Assert.That(rest["debugregs"].AsSpan(0, 48).ToArray(), Is.All.Zero);
            Assert.That(rest["xsave"].AsSpan(160, 256).ToArray(), Is.All.Zero, "the registers of SSE");
            Assert.That(rest["xsave"].AsSpan(576, 256).ToArray(), Is.All.Zero, "the upper halves of AVX");
            Assert.That(Array.FindAll(rest["lapic"], b => b != 0), Is.EqualTo(new byte[] { 0x55 }), "the priority's upper bits");
            Assert.That(rest.Where(r => r.Key.EndsWith("rest", StringComparison.Ordinal)).Take(3).Select(r => r.Value),
                Is.EqualTo(new[] { High(state.Msrs[0].Value), new byte[8], new byte[8] }), "the upper half of the first, whose field is narrow");
        });

        static byte[] High(ulong value) => [.. BitConverter.GetBytes(value).Reverse().Take(4), 0, 0, 0, 0];
    }

    [Test]
    public void What_is_of_the_host_stays_there()
    {
        var vcpu = new SavedVcpu();
        (vcpu.State.TscOffsetKnown, vcpu.State.TscOffset, vcpu.State.TscReadAt) = (true, 1, 2);
        var loaded = SavedVcpu.Of(vcpu.Sections()).State;
        Assert.That((loaded.TscOffsetKnown, loaded.TscOffset, loaded.TscReadAt), Is.EqualTo((false, 0UL, 0UL)));
    }

    private static void Randomize(KvmCpuState state, Random random)
    {
        byte[][] whole = [state.Events, state.RegsBytes, state.SregsBytes, state.Xcrs, state.DebugRegs, state.Lapic];
        foreach (byte[] structure in whole)
        {
            random.NextBytes(structure);
        }

        if (random.Next(2) == 0)
        {
            // As KVM's are: flags that are 0 or 1, and not many of them set.
            state.Events.AsSpan(0, 4).Clear();
            state.Events.AsSpan(8, 8).Clear();
            state.Events[random.Next(16)] = 1;
            SavedVcpu.As<KvmVcpuEvents>(state.Events).ExceptionNumber = (byte)random.Next(16);
            SavedVcpu.As<KvmXcrs>(state.Xcrs).Count = 1;
            SavedVcpu.As<KvmXcrs>(state.Xcrs).Items[0].Index = 0;
        }

        if (random.Next(3) == 0)
        {
            state.XsaveExtraSize = (uint)random.Next(KvmCpuState.XsaveExtraCapacity + 1);
        }

        random.NextBytes(state.Xsave.AsSpan(0, KvmCpuState.XsaveSize + (int)state.XsaveExtraSize));
        if (random.Next(3) == 0)
        {
            state.NestedSize = (uint)random.Next(8, KvmCpuState.NestedCapacity + 1);
            random.NextBytes(state.NestedState.AsSpan(0, (int)state.NestedSize));
        }

        state.MpState = (uint)random.Next(5);
        state.IsDown = random.Next(2) == 0;
        (state.WaitPort, state.WaitSize) = random.Next(2) == 0 ? ((ushort)random.Next(1 << 16), (byte)random.Next(1, 5)) : default;
        state.MsrCount = (uint)Registers.Length;
        for (int i = 0; i < Registers.Length; i++)
        {
            ulong value = random.Next(3) == 0 ? 0 : (ulong)random.NextInt64(long.MinValue, long.MaxValue);
            state.Msrs[i] = new KvmMsr { Index = Registers[i], Value = value };
        }
    }
}
