// A VM with a megabyte of memory that runs a few bytes of real-mode code at 0x1000, and answers for its ports and MMIO.

using System.Collections.Concurrent;
using Vmm.Core.Configuration;
using Vmm.Core.Hypervisors;
using Vmm.Core.State;
using Vmm.Kvm;
using Vmm.Kvm.Cpus;

namespace Vmm.Tests.Kvm;

internal sealed class TinyMachine : IExitHandler, IDisposable
{
    internal const int CodeAddress = 0x1000;

    /// <summary>Where guests count.</summary>
    internal const int Counter = 0x2000;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private readonly KvmHypervisor _kvm = new();
    private readonly bool _ownsMemory;
    private readonly SemaphoreSlim _written = new(0);
    private long _writes;

    internal TinyMachine(
        int cpus = 1,
        TinyMemory? memory = null,
        ReadOnlyMemory<byte> inherited = default,
        CpuModel? model = null)
    {
        _ownsMemory = memory is null;
        Memory = memory ?? new TinyMemory();
        Vm = _kvm.CreateMachine(
            new VirtualMachineOptions
            {
                Topology = new CpuTopology(cpus, 1, cpus, 1),
                Cpu = model ?? CpuModel.Default,
                InheritedAbi = inherited,
            },
            this);
        Vm.Memory.Add(new MemorySlot(0, 0, TinyMemory.Size, Memory.Address));
    }

    internal TinyMemory Memory { get; }

    internal IVirtualMachine Vm { get; }

    /// <summary>What ports were written, when <see cref="Records"/> is set.</summary>
    internal ConcurrentQueue<(ushort Port, int Size, uint Value)> Written { get; } = [];

    internal bool Records { get; init; } = true;

    /// <summary>MMIO writes.</summary>
    internal ConcurrentQueue<(ulong Address, byte[] Data)> MmioWritten { get; } = [];

    /// <summary>What reads of ports answer.</summary>
    internal Func<ushort, int, uint> OnPortRead { get; set; } = (_, _) => 0xffffffff;

    /// <summary>Called at each port write, on the vCPU's thread.</summary>
    internal Action<ushort, int, uint>? OnPortWrite { get; set; }

    /// <summary>Whether ports are busy; any thread.</summary>
    internal Func<ushort, bool> OnIsBusy { get; set; } = _ => false;

    internal TaskCompletionSource<int> Shutdown { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal TaskCompletionSource<string> Failure { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal long Writes => Volatile.Read(ref _writes);

    internal uint Count => Memory.Word(Counter);

    /// <summary>Why there are no KVM tests here; such a test is skipped, loudly.</summary>
    internal static void RequireKvm()
    {
        if (!KvmHypervisor.IsAvailable(out string reason))
        {
            Assert.Ignore($"SKIPPED: no KVM here: {reason}");
        }
    }

    /// <summary>Puts the code in place and the boot vCPU at its start.</summary>
    internal TinyMachine Load(params ReadOnlySpan<byte> code)
    {
        code.CopyTo(Memory.Bytes[CodeAddress..]);
        TinyGuests.InstallVectors(Memory.Bytes);
        Vm.Cpus[0].Reset(new CpuEntry { Mode = CpuEntryMode.Real, InstructionPointer = CodeAddress, StackPointer = 0xf000 });
        for (int i = 1; i < Vm.Cpus.Count; i++)
        {
            Vm.Cpus[i].Reset(null);
        }

        return this;
    }

    internal void Start() => Vm.Cpus.Start();

    internal Task StopAsync(bool capture = false) => Vm.Cpus.StopAsync(capture).WaitAsync(Timeout);

    /// <summary>Waits until the guest has written ports <paramref name="count"/> times more.</summary>
    internal async Task WritesAsync(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Assert.That(await _written.WaitAsync(Timeout), "the guest wrote to its port");
        }
    }

    /// <summary>Waits for what shows in memory: the guest's progress is a word there, and no thread could signal it.</summary>
    internal static async Task Until(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(Timeout);
        while (!condition())
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    /// <summary>The whole state, as a handover sends it.</summary>
    internal byte[] Save()
    {
        var writer = new StateWriter();
        foreach (var part in Vm.KernelDevices.Concat(Vm.Cpus))
        {
            part.Save(writer);
        }

        return writer.Written.ToArray();
    }

    /// <summary>The state of one vCPU as it was captured.</summary>
    internal KvmCpuState SavedState(int cpu = 0)
    {
        var writer = new StateWriter();
        Vm.Cpus[cpu].Save(writer);
        var state = new KvmCpuState();
        new StateReader(writer.Written.ToArray()).Read(KvmCpuState.Layout, state);
        return state;
    }

    internal async Task LoadStateAsync(byte[] state)
    {
        var reader = new StateReader(state);
        foreach (var part in Vm.KernelDevices.Concat(Vm.Cpus))
        {
            part.Load(reader);
        }

        Assert.That(reader.Remaining, Is.Zero);
        foreach (var device in Vm.KernelDevices)
        {
            device.Apply();
        }

        await Vm.Cpus.ApplyStatesAsync().WaitAsync(Timeout);
    }

    /// <summary>A second VM over the same memory that has taken this one's state, as the new process of a handover has.</summary>
    internal async Task<TinyMachine> HandOverAsync()
    {
        await StopAsync(capture: true);
        var successor = new TinyMachine(Vm.Cpus.Count, Memory, Vm.GuestAbi)
        {
            OnPortRead = OnPortRead,
            OnPortWrite = OnPortWrite,
            OnIsBusy = OnIsBusy,
            Records = Records,
        };
        await successor.LoadStateAsync(Save());
        return successor;
    }

    public void Dispose()
    {
        Vm.Dispose();
        _kvm.Dispose();
        _written.Dispose();
        if (_ownsMemory)
        {
            Memory.Dispose();
        }
    }

    uint IExitHandler.PortRead(ushort port, int size) => OnPortRead(port, size);

    void IExitHandler.PortWrite(ushort port, int size, uint value)
    {
        Volatile.Write(ref _writes, _writes + 1);
        OnPortWrite?.Invoke(port, size, value);
        if (Records)
        {
            Written.Enqueue((port, size, value));
            _written.Release();
        }
    }

    bool IExitHandler.IsBusy(ushort port, int size) => OnIsBusy(port);

    void IExitHandler.MmioRead(ulong address, Span<byte> data)
    {
        for (int i = 0; i < data.Length; i++)
        {
            data[i] = (byte)(address + (ulong)i);
        }
    }

    void IExitHandler.MmioWrite(ulong address, ReadOnlySpan<byte> data) => MmioWritten.Enqueue((address, data.ToArray()));

    void IExitHandler.CpuShutdown(int cpu) => Shutdown.TrySetResult(cpu);

    void IExitHandler.CpuFailed(int cpu, string reason) => Failure.TrySetResult(reason);
}
