// What the back ends with descriptors have in common: moving bytes between descriptors, queue and front end.
//
// There is an input and an output end, the same object for a socket or a pseudo-terminal, each null while no peer is there;
// output without a reader is dropped. All decisions are made under the gate, from any thread; what the loop must do about
// them (watch, stop watching, close) is done by one method, Settle, which runs on the loop and acts on the present state.

using Microsoft.Extensions.Logging;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>A chardev over descriptors.</summary>
public abstract class StreamChardev : Chardev
{
    private const int ReadAtOnce = 512;
    private const int EnoughRoom = ChardevState.Capacity / 2;

    private readonly Action<FdEvents> _onReady;
    private readonly SendOrPostCallback _settle;
    private readonly List<ByteEnd> _retired = [];
    private bool _settlePosted;
    private bool _frontEndWaits;
    private TaskCompletionSource? _delivered;

    private protected StreamChardev(string label, EventLoop loop, ILogger logger, Lock? gate = null)
        : base(label, loop, gate)
    {
        Logger = logger;
        _onReady = OnReady;
        _settle = _ => Settle();
    }

    /// <inheritdoc/>
    public override bool HasPeer => Output is not null;

    private protected ILogger Logger { get; }

    private protected ByteEnd? Input { get; set; }

    private protected ByteEnd? Output { get; set; }

    /// <summary>Whether a descriptor that is not used any more stays open, because it was named to the next process.</summary>
    private protected virtual bool KeepsRetired => false;

    /// <summary>Whether nothing is read because there is no front end; what a peer sends waits in the kernel.</summary>
    private protected bool HasNoFrontEnd => FrontEnd is null;

    /// <summary>Whether a peer that leaves makes an event that comes once, when <see cref="HungUp"/> has been called.</summary>
    private protected virtual bool NoticesEnd => false;

    private bool WantsInput => IsRunning && Input is not null && FrontEnd is { Room: > 0 };

    private bool WatchesEnd => IsRunning && HasNoFrontEnd && NoticesEnd;

    private bool IsDelivered => Output is null || (Queue.Count == 0 && !_frontEndWaits);

    private bool WantsOutput => IsRunning && Output is not null && Queue.Count > 0;

    /// <inheritdoc/>
    private protected override void QuiesceEnd()
    {
        lock (Gate)
        {
            IsRunning = false;
            PostSettle();
        }
    }

    /// <inheritdoc/>
    private protected override void ResumeEnd()
    {
        lock (Gate)
        {
            IsRunning = true;
            if (Output is null)
            {
                TryConnect();
            }

            if (Output is null)
            {
                // The reader has disconnected: what was accepted for it is dropped.
                DropQueue();
            }

            Flush();
            PostSettle();
        }
    }

    /// <inheritdoc/>
    private protected override void ReleaseEnd() => CloseEnd();

    /// <inheritdoc/>
    private protected override int Accept(ReadOnlySpan<byte> bytes)
    {
        lock (Gate)
        {
            if (IsRunning && Output is null)
            {
                TryConnect();
            }

            if (IsRunning && Output is null)
            {
                return bytes.Length;
            }

            int accepted = 0;
            if (IsRunning && Queue.Count == 0 && !TryPush(bytes, out accepted))
            {
                return bytes.Length;
            }

            if (accepted < bytes.Length)
            {
                accepted += Queue.Append(bytes[accepted..]);
                _frontEndWaits |= accepted < bytes.Length;
                PostSettle();
            }

            return accepted;
        }
    }

    /// <inheritdoc/>
    private protected override Task EndDeliveredAsync()
    {
        lock (Gate)
        {
            if (IsDelivered)
            {
                return Task.CompletedTask;
            }

            _delivered ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _delivered.Task;
        }
    }

    /// <inheritdoc/>
    public override void InputReady()
    {
        lock (Gate)
        {
            // It may be watched for something else: for room, which a peer that reads nothing never makes, or for the peer's end.
            if (WantsInput && !Input!.IsWatchedForInput)
            {
                PostSettle();
            }
        }
    }

    /// <summary>A peer may have come to the other end since we last looked. Gate held, any thread, allocates nothing.</summary>
    private protected virtual void TryConnect()
    {
    }

    /// <summary>Does what else the loop has to do after a change. Gate held, loop thread.</summary>
    private protected virtual void OnSettled()
    {
    }

    /// <summary>The input ended, or failed. Gate held, loop thread.</summary>
    private protected virtual void InputEnded() => Disconnect();

    /// <summary>The descriptor refused output permanently. Gate held, any thread.</summary>
    private protected virtual void OutputFailed(PosixException error)
    {
        ChardevLog.OutputLost(Logger, Label, error.Reason);
        Disconnect();
    }

    /// <summary>The peer has closed the connection, though it may have sent bytes that there is no room for. Gate held, loop thread.</summary>
    private protected virtual void HungUp()
    {
    }

    /// <summary>Drops both ends. Gate held, any thread.</summary>
    private protected void Disconnect()
    {
        var (input, output) = (Input, Output);
        Input = null;
        Output = null;
        Retire(input);
        if (output != input)
        {
            Retire(output);
        }

        DropQueue();
    }

    /// <summary>Closes an end: now, or on the loop if the loop watches it. Gate held, any thread.</summary>
    private protected void Retire(ByteEnd? end)
    {
        if (end is null)
        {
            return;
        }

        _retired.Add(end);
        if (Loop.IsCurrent || !(end.IsWatched || KeepsRetired))
        {
            CloseRetired();
        }
        else
        {
            PostSettle();
        }
    }

    /// <summary>Forgets accepted output that will not be read. Gate held.</summary>
    private protected void DropQueue()
    {
        Queue.Clear();

        // Not reported here: the front end may be in the middle of the write that failed.
        PostSettle();
    }

    /// <summary>Has <see cref="Settle"/> run on the loop soon. Gate held, any thread.</summary>
    private protected void PostSettle()
    {
        if (!_settlePosted)
        {
            _settlePosted = true;
            Loop.Post(_settle, null);
        }
    }

    private protected override void CloseEnd()
    {
        lock (Gate)
        {
            IsRunning = false;
            Disconnect();
        }
    }

    private void Settle()
    {
        lock (Gate)
        {
            _settlePosted = false;
            SettleLocked();
        }
    }

    private void SettleLocked()
    {
        CloseRetired();
        ReportPeer();
        OnSettled();
        ReportPeer();
        if (Input == Output)
        {
            Watch(Input, (WantsInput ? FdEvents.In : 0) | (WantsOutput ? FdEvents.Out : 0) | (WatchesEnd ? FdEvents.ReadEnd : 0));
        }
        else
        {
            Watch(Input, WantsInput ? FdEvents.In : 0);
            Watch(Output, WantsOutput ? FdEvents.Out : 0);
        }

        if (Input is { AlwaysReady: true } && WantsInput)
        {
            ReceiveInput();
            PostSettle();
        }

        if (Output is { AlwaysReady: true } && WantsOutput)
        {
            Flush();
        }

        NotifyFrontEnd();
        if (IsDelivered)
        {
            _delivered?.TrySetResult();
            _delivered = null;
        }
    }

    private void CloseRetired()
    {
        foreach (var end in _retired)
        {
            end.WatchFor(FdEvents.None, Loop, _onReady);
            if (!KeepsRetired)
            {
                end.Close();
            }
        }

        if (!KeepsRetired)
        {
            _retired.Clear();
        }
    }

    private void Watch(ByteEnd? end, FdEvents events) => end?.WatchFor(events, Loop, _onReady);

    private void OnReady(FdEvents events)
    {
        lock (Gate)
        {
            if (IsRunning)
            {
                if (WantsInput && (events & ~FdEvents.Out) != 0)
                {
                    ReceiveInput();
                }
                else if ((events & (FdEvents.HangUp | FdEvents.Error | FdEvents.ReadEnd)) != 0)
                {
                    HungUp();
                }

                Flush();
            }

            SettleLocked();
        }
    }

    private void ReceiveInput()
    {
        Span<byte> buffer = stackalloc byte[ReadAtOnce];
        try
        {
            int got = Input!.Read(buffer[..Math.Min(FrontEnd!.Room, ReadAtOnce)]);
            if (got > 0)
            {
                FrontEnd.Receive(buffer[..got]);
            }
            else if (got == 0)
            {
                InputEnded();
            }
        }
        catch (PosixException)
        {
            // A reset connection, or a pseudo-terminal whose slave is closed: the end of the stream, reported as an error.
            InputEnded();
        }
    }

    /// <summary>Moves the queue into the descriptor as far as that goes, and notifies a front end that waits.</summary>
    private void Flush()
    {
        while (WantsOutput && TryPush(Queue.Waiting, out int delivered) && delivered > 0)
        {
            Queue.Remove(delivered);
        }

        NotifyFrontEnd();
    }

    /// <summary>Offers bytes to the descriptor until it takes no more.</summary>
    /// <returns>False when the descriptor failed: the bytes are lost, and so is what was queued.</returns>
    private bool TryPush(ReadOnlySpan<byte> bytes, out int delivered)
    {
        delivered = 0;
        try
        {
            while (delivered < bytes.Length)
            {
                int put = Output!.Write(bytes[delivered..]);
                if (put == FileDescriptor.WouldBlock)
                {
                    break;
                }

                delivered += put;
            }

            return true;
        }
        catch (PosixException error)
        {
            OutputFailed(error);
            return false;
        }
    }

    private void NotifyFrontEnd()
    {
        if (_frontEndWaits && Queue.Free >= EnoughRoom)
        {
            _frontEndWaits = false;
            FrontEnd?.OutputReady();
        }
    }
}
