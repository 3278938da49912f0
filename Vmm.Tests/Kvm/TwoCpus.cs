// Two vCPUs, of which the first sends something to the second while that one is held in an access to a port. So it pends there
// for as long as the test wants, until the second vCPU is asked for its state.

using Vmm.Core.Hypervisors;

namespace Vmm.Tests.Kvm;

/// <summary>The code of both, and what it leaves in memory.</summary>
internal static class TwoCpus
{
    /// <summary>How many times the second vCPU was started by a start-up IPI.</summary>
    internal const int Startups = 0x2004;

    /// <summary>How far the second vCPU has come after the access.</summary>
    internal const int Rounds = 0x2008;

    /// <summary>How many NMIs it has taken.</summary>
    internal const int Nmis = 0x200c;

    private const int IsHeld = 0x2010;
    private const int HeldCode = 0x1800;
    private const int NmiCode = 0x1900;
    private const int StartupCode = 0x5000;
    private const int NmiVector = 2;
    private const int Stack = 0xe000;
    private const ushort SentPort = 0x10;
    private const ushort HeldPort = 0x12;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    /// <summary>Sends INIT and then a start-up IPI.</summary>
    internal static ReadOnlySpan<byte> Starting =>
    [
        0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x00, 0x45, 0x0c, 0x00, // mov dword [0xfee00300], INIT to all others
        0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x05, 0x46, 0x0c, 0x00, // mov dword [0xfee00300], SIPI to them: page 5
    ];

    /// <summary>Sends an NMI.</summary>
    internal static ReadOnlySpan<byte> Interrupting =>
    [
        0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x00, 0x44, 0x0c, 0x00, // mov dword [0xfee00300], NMI to all others
    ];

    private static ReadOnlySpan<byte> Before =>
    [
        0x83, 0x3d, 0x10, 0x20, 0x00, 0x00, 0x00,                   // cmp dword [0x2010], 0
        0x74, 0xf7,                                                 // je to cmp
        0xc7, 0x05, 0xf0, 0x00, 0xe0, 0xfe, 0xff, 0x01, 0x00, 0x00, // mov dword [0xfee000f0], APIC on
    ];

    private static ReadOnlySpan<byte> After =>
    [
        0xe6, 0x10, // out 0x10, al
        0xf4,       // hlt
    ];

    private static ReadOnlySpan<byte> Held =>
    [
        0xe6, 0x12,                   // out 0x12, al
        0x66, 0xff, 0x06, 0x08, 0x20, // inc dword [0x2008]
        0xeb, 0xf9,                   // jmp to inc
    ];

    private static ReadOnlySpan<byte> Startup =>
    [
        0x66, 0xff, 0x06, 0x04, 0x20, // inc dword [0x2004]
        0xf4,                         // hlt
    ];

    private static ReadOnlySpan<byte> Nmi =>
    [
        0x66, 0xff, 0x06, 0x0c, 0x20, // inc dword [0x200c]
        0xcf,                         // iret
    ];

    /// <summary>Hands a machine over whose second vCPU was held when the first one sent, and was released only when both had to stop.</summary>
    internal static async Task<TinyMachine> HandOverWhileHeldAsync(TinyMachine machine, byte[] sending)
    {
        var memory = machine.Memory;
        machine.Load([.. Before, .. sending, .. After]);
        Held.CopyTo(memory.Bytes[HeldCode..]);
        Nmi.CopyTo(memory.Bytes[NmiCode..]);
        Startup.CopyTo(memory.Bytes[StartupCode..]);
        BitConverter.TryWriteBytes(memory.Bytes[(sizeof(uint) * NmiVector)..], NmiCode);
        machine.Vm.Cpus[0].Reset(new CpuEntry { Mode = CpuEntryMode.Protected, InstructionPointer = TinyMachine.CodeAddress });
        machine.Vm.Cpus[1].Reset(new CpuEntry { Mode = CpuEntryMode.Real, InstructionPointer = HeldCode, StackPointer = Stack });

        using var letGo = new ManualResetEventSlim();
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        machine.OnPortWrite = (port, _, _) =>
        {
            switch (port)
            {
                case HeldPort:
                    memory.Bytes[IsHeld] = 1;
                    letGo.Wait(Timeout);
                    break;
                case SentPort:
                    sent.SetResult();
                    break;
            }
        };
        machine.Start();
        await sent.Task.WaitAsync(Timeout);
        var handover = machine.HandOverAsync();
        letGo.Set();
        var successor = await handover;
        successor.OnPortWrite = null;
        return successor;
    }
}
