// The loop around KVM_RUN: enter the guest, serve the access it left for, enter again.
//
// Stopping. The thread that stops a vCPU publishes the request, sets immediate_exit and sends the kick signal. Whatever the vCPU is doing, one of
// the three reaches it: in the guest, the signal; on its way in, immediate_exit; and once KVM_RUN has returned EINTR, the request. EINTR is
// returned only after a port or MMIO access that was begun has been completed with the data it was given, so a vCPU that has seen EINTR and the
// request is between two instructions (or two rounds of a REP) and can be read or moved. EINTR without a request is a stray signal, EAGAIN a vCPU
// that has just been started by another: both continue.
//
// A request can be withdrawn as long as the vCPU has not stopped. One compare-and-swap decides between the two, so the group knows
// of every vCPU whether it has stopped or continues; the worst that a withdrawn request leaves behind is one more EINTR.
//
// Waiting. A device that cannot pass on what was written to its port is busy, and the vCPU that wrote waits before it enters the
// guest again: on a futex word, which a stop sets as well. A stop finds the write done and the vCPU still waiting; both are state.
//
// An access to an address that is RAM leaves the guest only when the host could not provide the page: a file that was cut short, a full file
// system. Nothing can replace its contents, so the vCPU fails.
//
// A vCPU that has shut down or failed stays here, waiting for the request, and does not enter the guest again before a reset.

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Vmm.Core.Hypervisors;
using Vmm.Kvm.Logging;
using Vmm.Kvm.Native;

namespace Vmm.Kvm.Cpus;

/// <summary>Runs one vCPU on its thread.</summary>
internal sealed class CpuRunner(
    int index, KvmFile cpu, RunPage page, RamRanges ram, IExitHandler exits, Func<string> describeRegisters, ILogger logger)
    : IDisposable
{
    // The values of the stop word; zero is what the loop waits at.
    private const int Running = 0;
    private const int Requested = 1;
    private const int Stopped = 2;

    private const string OutOfMemory = "out of memory: the host gives this process no more";

    private readonly FutexWord _stop = new();
    private readonly FutexWord _wakeUp = new();

    /// <summary>Whether the vCPU may not enter the guest until it is reset.</summary>
    internal bool IsDown { get; set; }

    /// <summary>The busy port that the vCPU wrote to and waits at, and the width of the write; width 0 when it waits at none.</summary>
    internal (ushort Port, byte Size) Wait { get; set; }

    public void Dispose()
    {
        _stop.Dispose();
        _wakeUp.Dispose();
    }

    /// <summary>Whether the loop has ended and has not been asked to run again.</summary>
    internal bool IsStopped => _stop.Value == Stopped;

    /// <summary>Asks the loop to end; the thread is <paramref name="threadId"/>. May be called from any thread.</summary>
    /// <returns>0, or the error number of a kick that was refused: then a vCPU in the guest ends its loop at its next exit.</returns>
    internal int RequestStop(int threadId)
    {
        _stop.Value = Requested;
        page.ImmediateExit = true;
        Interlocked.MemoryBarrier();
        _wakeUp.Post(1);
        int error = KickSignal.Send(threadId);
        if (error != 0)
        {
            // The kick would have ended the wait of a vCPU that is down.
            _stop.Wake();
        }

        return error;
    }

    /// <summary>Takes a request back while the loop runs. May be called from any thread.</summary>
    /// <returns>False when the loop has ended already, or was not asked to.</returns>
    internal bool TryWithdrawStop()
    {
        if (!_stop.TryReplace(Requested, Running))
        {
            return false;
        }

        _wakeUp.Post(1);
        return true;
    }

    /// <summary>Has a vCPU that waits at a port ask again. May be called from any thread.</summary>
    internal void Wake() => _wakeUp.Post(1);

    /// <summary>Takes an earlier request back, while the loop does not run.</summary>
    internal void ClearStop()
    {
        _stop.Value = Running;
        page.ImmediateExit = false;
    }

    /// <summary>Runs until a stop is requested, and not withdrawn before the vCPU has stopped.</summary>
    internal void Run()
    {
        do
        {
            try
            {
                if (!IsDown)
                {
                    RunGuest();
                }
            }
            catch (Exception failure)
            {
                // A fault in a device must not take the process down with the guest in it.
                Fail($"an access of the guest failed: {failure}");
            }

            while (IsDown && _stop.Value == Running)
            {
                _stop.WaitWhileZero();
            }
        }
        while (!_stop.TryReplace(Requested, Stopped));
    }

    private void RunGuest()
    {
        ref var run = ref page.Run;
        while (true)
        {
            if (Wait.Size != 0)
            {
                WaitAtPort();
            }

            if (NativeMethods.IoControl(cpu.Descriptor, KvmRequest.Run.Code, 0) < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                if (error == NativeMethods.EIntr)
                {
                    page.ImmediateExit = false;
                    Interlocked.MemoryBarrier();
                    if (_stop.Value != Running)
                    {
                        return;
                    }
                }
                else if (error != NativeMethods.EAgain)
                {
                    Fail($"KVM_RUN: {Marshal.GetPInvokeErrorMessage(error)} (error {error}, {ExplainRefusal(in run)})");
                    return;
                }

                continue;
            }

            switch (run.ExitReason)
            {
                case KvmExit.Io:
                    ServePort(in run.Io);
                    break;
                case KvmExit.Mmio when ram.Contains(run.Mmio.Address):
                    Fail(ExplainMissingPage(in run.Mmio));
                    return;
                case KvmExit.Mmio:
                    ServeMmio(ref run.Mmio);
                    break;
                case KvmExit.Interrupted:
                    break;
                case KvmExit.Shutdown:
                    IsDown = true;
                    exits.CpuShutdown(index);
                    return;
                default:
                    Fail(Explain(in run));
                    return;
            }
        }
    }

    // A wake-up between the question and the sleep is not missed: it is found in the word, by the exchange or by the kernel.
    private void WaitAtPort()
    {
        while (exits.IsBusy(Wait.Port, Wait.Size))
        {
            if (_stop.Value != Running)
            {
                // The write must be completed, and the guest not be entered; the thread that stops may not have set this yet.
                page.ImmediateExit = true;
                return;
            }

            if (_wakeUp.Exchange(0) == 0)
            {
                _wakeUp.WaitWhileZero();
            }
        }

        Wait = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void ServePort(in KvmRun.IoExit io)
    {
        const byte Out = 1;
        int size = io.Size;
        var data = page.Data(io.DataOffset, (ulong)io.Count * (uint)size);
        for (; data.Length >= size && size > 0; data = data[size..])
        {
            if (io.Direction == Out)
            {
                exits.PortWrite(io.Port, size, size switch
                {
                    1 => data[0],
                    2 => BinaryPrimitives.ReadUInt16LittleEndian(data),
                    _ => BinaryPrimitives.ReadUInt32LittleEndian(data),
                });
                continue;
            }

            uint value = exits.PortRead(io.Port, size);
            switch (size)
            {
                case 1:
                    data[0] = (byte)value;
                    break;
                case 2:
                    BinaryPrimitives.WriteUInt16LittleEndian(data, (ushort)value);
                    break;
                default:
                    BinaryPrimitives.WriteUInt32LittleEndian(data, value);
                    break;
            }
        }

        if (io.Direction == Out && exits.IsBusy(io.Port, size))
        {
            Wait = (io.Port, (byte)size);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void ServeMmio(ref KvmRun.MmioExit mmio)
    {
        var data = MemoryMarshal.CreateSpan(ref Unsafe.As<Bytes8, byte>(ref mmio.Data), 8)[..(int)Math.Min(mmio.Length, 8)];
        if (mmio.IsWrite != 0)
        {
            exits.MmioWrite(mmio.Address, data);
        }
        else
        {
            exits.MmioRead(mmio.Address, data);
        }
    }

    private static string Explain(in KvmRun run) => run.ExitReason switch
    {
        KvmExit.InternalError => $"KVM_EXIT_INTERNAL_ERROR, suberror {run.InternalError.Suberror} ({Suberror(run.InternalError.Suberror)})",
        KvmExit.FailEntry => $"KVM_EXIT_FAIL_ENTRY, hardware reason 0x{run.HardwareReason:x}",
        KvmExit.Unknown => $"KVM_EXIT_UNKNOWN, hardware reason 0x{run.HardwareReason:x}",
        KvmExit.SystemEvent => $"KVM_EXIT_SYSTEM_EVENT of type {run.SystemEvent}, which no x86 guest here can ask for",
        var reason => $"KVM exit {(uint)reason}, which has no meaning here",
    };

    private static string ExplainMissingPage(in KvmRun.MmioExit access) =>
        $"the host could not provide the page of RAM at guest address 0x{access.Address:x}, where the guest "
        + $"{(access.IsWrite != 0 ? "writes" : "reads")} {access.Length} bytes; is what holds the guest's memory full, or its file cut short?";

    // Which memory it was, KVM says since Linux 6.8; before, the registers say what the guest was about to do.
    private static string ExplainRefusal(in KvmRun run) => run.ExitReason == KvmExit.MemoryFault
        ? $"guest address 0x{run.MemoryFault.Address:x}, {run.MemoryFault.Size} bytes"
        : $"exit reason {(uint)run.ExitReason}";

    private static string Suberror(uint suberror) => suberror switch
    {
        1 => "an instruction could not be emulated",
        2 => "two exceptions at once",
        3 => "an exit during the delivery of an event",
        4 => "an unexpected exit reason",
        _ => "unknown",
    };

    private void Fail(string reason)
    {
        IsDown = true;
        try
        {
            exits.CpuFailed(index, $"{reason}\n{describeRegisters()}");
        }
        catch (OutOfMemoryException)
        {
            // Formatting the registers takes memory, which may be what is missing.
            exits.CpuFailed(index, OutOfMemory);
        }
        catch (Exception failure)
        {
            KvmLog.ReportFailed(logger, index, reason, failure);
        }

        CompleteAccess();
    }

    /// <summary>
    /// Has KVM finish the access that the vCPU failed in, with whatever data there are. What is left open would be finished by the first KVM_RUN
    /// after a reset, and move the registers that were just set.
    /// </summary>
    private void CompleteAccess()
    {
        // A long or split access leaves once for each part; no instruction has so many.
        const int MostParts = 64;
        int result = 0;
        for (int i = 0; i < MostParts && result >= 0; i++)
        {
            page.ImmediateExit = true;
            result = NativeMethods.IoControl(cpu.Descriptor, KvmRequest.Run.Code, 0);
        }
    }
}
