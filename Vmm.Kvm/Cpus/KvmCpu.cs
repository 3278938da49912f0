// A vCPU: its descriptor in KVM, the thread that runs it, and its state.
//
// The thread waits at a mailbox of one word and does what it is asked to: run the guest, take part in the work on all vCPUs, end. Between
// commands it is stopped, and then any thread may talk to the vCPU's descriptor.

using System.Runtime.InteropServices;
using Vmm.Core.Errors;
using Vmm.Core.Hypervisors;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Kvm.Logging;
using Vmm.Kvm.Native;
using NativeMethods = Vmm.Kvm.Native.NativeMethods;

namespace Vmm.Kvm.Cpus;

/// <summary>One vCPU of a <see cref="KvmMachine"/>.</summary>
internal sealed class KvmCpu : IVirtualCpu, IDisposable
{
    private readonly KvmFile _file;
    private readonly RunPage _page;
    private readonly CpuRunner _runner;
    private readonly CpuStateTransfer _transfer;
    private readonly FutexWord _mailbox = new();
    private readonly KvmCpuState _atPowerOn = new();
    private readonly KvmCpuState _state = new();
    private readonly CpuThreads _threads;
    private readonly string? _threadName;
    private readonly Func<IStateful, int, SavedForm> _createSavedForm;
    private readonly ManualResetEventSlim _started = new();
    private readonly Action _capture;
    private readonly Action _apply;
    private readonly ThreadBoost _boost = new();
    private CpuThread? _thread;
    private CpuGroup? _group;
    private bool _holdsState;
    private bool _isPauseNoticeDue;
    private ulong _enteredAt;
    private int _unblockError;

    internal KvmCpu(int index, KvmFile file, KvmCpuSetup setup, IExitHandler exits)
    {
        Index = index;
        (_capture, _apply) = (Capture, Apply);
        _file = file;
        _page = new RunPage(file, setup.RunPageSize);
        _transfer = new CpuStateTransfer(file, setup.Msrs, setup.XsaveSize, setup.HasNested, setup.TscKhz)
        {
            TscCarriedByValue = (offset, readBack) =>
                KvmLog.TscCarriedByValue(setup.Logger, index, offset, readBack is { } value ? $"0x{value:x}" : "nothing"),
        };
        _runner = new CpuRunner(index, file, _page, setup.Ram, exits, DescribeRegisters, setup.Logger);
        try
        {
            _transfer.Capture(_atPowerOn);
        }
        catch
        {
            // The file stays the caller's until this is made.
            DisposeOwn();
            throw;
        }

        setup.Msrs.AtPowerOn.CopyTo(_atPowerOn.Msrs);
        _threads = setup.Threads;
        _createSavedForm = setup.CreateSavedForm;
        _threadName = setup.NameThreads ? $"CPU {index}/KVM" : null;
    }

    /// <inheritdoc/>
    public int Index { get; }

    /// <inheritdoc/>
    public int ThreadId { get; private set; }

    /// <inheritdoc/>
    public StateLayout Layout => KvmCpuState.Layout;

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        if (!_holdsState)
        {
            throw new InvalidOperationException($"vCPU {Index}: its state was not captured when it was stopped");
        }

        writer.Write(KvmCpuState.Layout, _state);
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _holdsState = false;
        _state.ClearSubsections();
        _state.TscStoodStill = false;
        reader.Read(KvmCpuState.Layout, _state);
        _state.Check();
        _holdsState = true;
    }

    /// <inheritdoc/>
    public SavedForm? CreateSavedForm(string section, int instance) => _createSavedForm(this, instance);

    /// <summary>The state that was loaded is of another time, or of another host: the TSC continues from where it was.</summary>
    internal void ForgetHostTime() => _state.TscStoodStill = true;

    /// <inheritdoc/>
    public void Apply()
    {
        if (!_holdsState)
        {
            throw new InvalidOperationException($"vCPU {Index}: no state was loaded");
        }

        try
        {
            _transfer.Apply(_state, withTsc: true);
        }
        catch (VmmException refusal)
        {
            throw new StateException($"vCPU {Index}: {refusal.Message}", refusal);
        }

        _runner.IsDown = _state.IsDown;
        _runner.Wait = (_state.WaitPort, _state.WaitSize);
        _isPauseNoticeDue = true;
    }

    /// <inheritdoc/>
    public void Reset(CpuEntry? entry)
    {
        _group?.RequireStopped("reset a vCPU");
        _holdsState = false;
        _state.CopyFrom(_atPowerOn);
        if (entry is not null)
        {
            _state.Enter(entry);
        }
        else
        {
            _state.MpState = (uint)KvmMpState.Uninitialized;
        }

        try
        {
            _transfer.Apply(_state, withTsc: false);
        }
        catch (StateException refusal)
        {
            throw new HypervisorException($"reset of vCPU {Index}: {refusal.Message}", refusal);
        }

        _runner.IsDown = false;
    }

    /// <summary>Ends the thread, then releases what KVM and the host gave.</summary>
    public void Dispose()
    {
        if (_thread is not null)
        {
            _mailbox.Post((int)CpuCommand.Exit);
            _threads.TakeBack(_thread);
        }

        DisposeOwn();
        _file.Dispose();
    }

    /// <summary>
    /// Has KVM create what it creates when a VM first runs (its thread that recovers huge pages, which counts towards this process's limits),
    /// while a refusal is still an error and not a guest that does not run. Nothing of the guest runs. Before the threads are started.
    /// </summary>
    /// <exception cref="HypervisorException">KVM refuses.</exception>
    internal void RehearseRun()
    {
        _transfer.BeforeRun();
        _page.ImmediateExit = true;
        int error = NativeMethods.IoControl(_file.Descriptor, KvmRequest.Run.Code, 0) < 0 ? Marshal.GetLastPInvokeError() : 0;
        _page.ImmediateExit = false;
        if (error != NativeMethods.EIntr)
        {
            throw new HypervisorException($"KVM_RUN does not begin on vCPU {Index}: {Marshal.GetPInvokeErrorMessage(error)} (error {error}); "
                + "EAGAIN says that the host gives this process no more threads");
        }
    }

    /// <summary>Starts the thread, stopped, and waits until its id is known.</summary>
    internal void StartThread(CpuGroup group)
    {
        _group = group;
        try
        {
            _thread = _threads.Run(Work, _threadName);
        }
        catch (OutOfMemoryException e)
        {
            throw new HypervisorException($"cannot start the thread of vCPU {Index}: the host gives this process no memory, or no more threads", e);
        }

        _started.Wait();
        if (_unblockError != 0)
        {
            throw new HypervisorException($"pthread_sigmask in the thread of vCPU {Index}: {Marshal.GetPInvokeErrorMessage(_unblockError)}");
        }
    }

    /// <summary>Gives the stopped thread its next command.</summary>
    internal void Post(CpuCommand command)
    {
        if (command == CpuCommand.Run)
        {
            Volatile.Write(ref _enteredAt, 0);
            _holdsState = false;
            _transfer.BeforeRun();
            _runner.ClearStop();
        }

        _mailbox.Post((int)command);
    }

    /// <summary>When it went into the guest after it was asked to run; 0 while it has not.</summary>
    internal ulong EnteredAt => Volatile.Read(ref _enteredAt);

    /// <summary>Reads the state of the stopped vCPU out of KVM; any thread.</summary>
    /// <returns>Why that failed; null when it did not.</returns>
    internal Exception? TryCapture() => Try(_capture);

    /// <summary>Pushes the loaded state into KVM; any thread.</summary>
    /// <returns>Why that failed; null when it did not.</returns>
    internal Exception? TryApply() => Try(_apply);

    /// <summary>Raises the thread, until it next goes into the guest; or lowers it again.</summary>
    /// <param name="isBoosted">Whether it is raised.</param>
    /// <param name="isRunning">Whether the vCPU was let run: a thread that has no processor yet needs its priority for that.</param>
    internal void SetBoost(bool isBoosted, bool isRunning)
    {
        if (isBoosted)
        {
            _boost.Raise(ThreadId);
        }
        else if (isRunning)
        {
            _boost.LowerWhenDown();
        }
        else
        {
            _boost.Lower();
        }
    }

    /// <summary>Kicks the vCPU out of the guest; answers 0, or the error number with which the host refused to.</summary>
    internal int RequestStop() => _runner.RequestStop(ThreadId);

    /// <summary>Lets a vCPU that was kicked and has not stopped continue; false when it has stopped.</summary>
    internal bool TryWithdrawStop() => _runner.TryWithdrawStop();

    /// <summary>Whether the vCPU's thread has left the guest and has not been asked to run again.</summary>
    internal bool IsStopped => _runner.IsStopped;

    /// <summary>Has the vCPU check again whether the port that it waits at, if any, is still busy.</summary>
    internal void Wake() => _runner.Wake();

    /// <summary>At the next run the guest is notified that it was paused (KVM_KVMCLOCK_CTRL), so that its watchdogs do not count the gap.</summary>
    internal void NotifyOfPause() => _isPauseNoticeDue = true;

    private void DisposeOwn()
    {
        _started.Dispose();
        _runner.Dispose();
        _mailbox.Dispose();
        _page.Dispose();
    }

    private void Work()
    {
        _unblockError = KickSignal.Unblock();
        ThreadId = OsThread.CurrentId;
        _started.Set();
        while (true)
        {
            switch ((CpuCommand)_mailbox.Exchange(0))
            {
                case CpuCommand.Run:
                    NotifyGuestOfPause();

                    // A guest that runs needs no priority any more. Its thread drops it itself: no other thread is sure to get a processor.
                    _boost.StepDown();
                    Volatile.Write(ref _enteredAt, Instant.Now);
                    _runner.Run();
                    _group!.CpuStopped(this);
                    break;
                case CpuCommand.Help:
                    _group!.Help();
                    break;
                case CpuCommand.Exit:
                    // The thread stays, for another vCPU or for none.
                    _boost.Lower();
                    return;
                default:
                    _mailbox.WaitWhileZero();
                    break;
            }
        }
    }

    private void Capture()
    {
        _transfer.Capture(_state);
        _state.IsDown = _runner.IsDown;
        (_state.WaitPort, _state.WaitSize) = _runner.Wait;
        _holdsState = true;
    }

    // EINVAL says that the guest has not set up its clock, so there is nothing to notify. Any other refusal leaves it for the next time.
    private void NotifyGuestOfPause() =>
        _isPauseNoticeDue = _isPauseNoticeDue && _file.TryCall(KvmRequest.KvmclockCtrl, 0) is not (>= 0 or -NativeMethods.EInval);

    private static Exception? Try(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }

    private string DescribeRegisters()
    {
        var regs = default(KvmRegs);
        var sregs = default(KvmSregs2);
        if (_file.TryCall(KvmRequest.GetRegs, ref regs) != 0 || _file.TryCall(KvmRequest.GetSregs2, ref sregs) != 0)
        {
            return "registers cannot be read";
        }

        return $"RAX={regs.Rax:x16} RBX={regs.Rbx:x16} RCX={regs.Rcx:x16} RDX={regs.Rdx:x16} "
            + $"RSI={regs.Rsi:x16} RDI={regs.Rdi:x16} RBP={regs.Rbp:x16} RSP={regs.Rsp:x16} "
            + $"R8={regs.R8:x16} R9={regs.R9:x16} R10={regs.R10:x16} R11={regs.R11:x16} "
            + $"R12={regs.R12:x16} R13={regs.R13:x16} R14={regs.R14:x16} R15={regs.R15:x16} "
            + $"RIP={regs.Rip:x16} RFL={regs.Rflags:x8} CS={sregs.Cs.Selector:x4} base {sregs.Cs.Base:x16} "
            + $"SS={sregs.Ss.Selector:x4} base {sregs.Ss.Base:x16} "
            + $"CR0={sregs.Cr0:x8} CR2={sregs.Cr2:x16} CR3={sregs.Cr3:x16} CR4={sregs.Cr4:x8} EFER={sregs.Efer:x}";
    }
}
