// A character back end: the host's end of a line of bytes whose other end is a device of the guest.
//
// Its life cycle follows from the handover. A new one has touched nothing: no file truncated, no path bound. Then either Open makes the back end
// anew (a first boot), or Adopt takes the descriptors that the previous process had. Start lets bytes flow. Quiesce stops them: when it returns,
// nothing here touches a descriptor or calls the front end, on any thread, until Resume. If the next process takes the guest, Release closes
// everything and removes no name, for the names are the next process's now; at any other end Dispose closes and cleans up.
//
// Output is accepted from vCPU threads without waiting and without allocating. What the descriptor does not take at once
// is queued, and the queue is state. When the queue is full the front end keeps its bytes and is called when there is room.
//
// One lock, the Gate, covers the chardev and its front end.

using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.State;

namespace Vmm.Core.Chardevs;

/// <summary>A character back end.</summary>
public abstract class Chardev : IStateful, IDisposable
{
    private bool _isAdopted;
    private bool _isLogAdopted;
    private bool _reportedPeer;

    private protected Chardev(string label, EventLoop loop, Lock? gate = null)
    {
        Label = label;
        Loop = loop;
        Gate = gate ?? new Lock();
    }

    /// <summary>Its id, which query-chardev calls the label.</summary>
    public string Label { get; }

    /// <summary>What query-chardev shows as the file name: the kind, and where it leads.</summary>
    public abstract string FileName { get; }

    /// <summary>The file that keeps all output; null for none. Set before anything else is done.</summary>
    public OutputLog? Log { get; init; }

    /// <summary>Whether a front end is attached, and the guest's software uses it.</summary>
    public virtual bool FrontendOpen => FrontEnd is { IsOpen: true };

    /// <summary>Whether something is at the other end: a client, a terminal, a file. A back end that needs none is its own.</summary>
    public virtual bool HasPeer => true;

    /// <summary>The size of the terminal at the other end. Any thread.</summary>
    public virtual ConsoleSize Size => default;

    /// <summary>What moves the bytes: itself, unless it shares a back end among several front ends.</summary>
    public virtual Chardev BackEnd => this;

    /// <summary>The lock that chardev and front end share.</summary>
    public Lock Gate { get; }

    /// <inheritdoc/>
    public virtual StateLayout Layout => ChardevState.Layout;

    /// <summary>Whether another back end can take its place: there is no front end yet, or one that can change (<see cref="ReplaceBy"/>).</summary>
    public virtual bool IsReplaceable => FrontEnd is null or IChangeableFrontEnd;

    /// <summary>Whether bytes flow.</summary>
    public bool IsRunning { get; private protected set; }

    /// <summary>The loop that reads.</summary>
    private protected EventLoop Loop { get; }

    private protected IChardevFrontEnd? FrontEnd { get; private set; }

    private protected OutputQueue Queue { get; } = new();

    /// <summary>Attaches the one front end.</summary>
    /// <exception cref="InvalidOperationException">There is one already.</exception>
    public void Attach(IChardevFrontEnd frontEnd)
    {
        lock (Gate)
        {
            if (FrontEnd is not null)
            {
                throw new InvalidOperationException($"Device '{Label}' is in use");
            }

            FrontEnd = frontEnd;
            _reportedPeer = false;
            ReportPeer();
        }

        InputReady();
    }

    /// <summary>Takes the front end off.</summary>
    public virtual void Detach()
    {
        lock (Gate)
        {
            FrontEnd = null;
        }
    }

    /// <summary>Makes the back end anew: creates, truncates, binds, connects. What was adopted stays.</summary>
    /// <exception cref="IOException">It cannot be made; the message says what and why.</exception>
    public void Open()
    {
        if (!_isAdopted)
        {
            OpenEnd();
        }

        OpenLog();
    }

    /// <summary>Makes the back end anew while a guest runs: what may take its time is waited for without holding up the loop or the front end.</summary>
    /// <param name="loop">The loop that this is called on.</param>
    /// <exception cref="IOException">It cannot be made; it is to be disposed.</exception>
    internal async Task OpenAsync(EventLoop loop)
    {
        await OpenEndAsync(loop);
        OpenLog();
    }

    /// <summary>Takes over what the previous process had, instead of <see cref="Open"/>.</summary>
    /// <param name="handedOver">The descriptors that came; what it uses is claimed.</param>
    /// <returns>Whether all was there. If not, <see cref="Open"/> may follow for the rest once this process owns the guest.</returns>
    /// <exception cref="IOException">A descriptor is not what its name says.</exception>
    public bool Adopt(HandedOverDescriptors handedOver)
    {
        _isAdopted = AdoptEnd(handedOver);
        _isLogAdopted = Log?.Adopt(handedOver) == true;
        return _isAdopted && (_isLogAdopted || Log is null);
    }

    /// <summary>
    /// The descriptors that the next process needs. From now on until <see cref="Resume"/> none is added: new clients wait in the backlog.
    /// </summary>
    public IReadOnlyList<HandoverDescriptor> Export() => [.. ExportEnd(), .. Log?.Export() ?? []];

    /// <summary>Lets bytes flow for the first time.</summary>
    public void Start() => Resume();

    /// <summary>
    /// Stops everything, on every thread, before it returns. Output that is written meanwhile is queued. Any thread.
    /// </summary>
    public void Quiesce()
    {
        QuiesceEnd();
        Log?.Quiesce();
    }

    /// <summary>Undoes <see cref="Quiesce"/> and <see cref="Export"/>. Any thread.</summary>
    public void Resume()
    {
        Log?.Resume();
        ResumeEnd();
    }

    /// <summary>After a handover: closes this process's descriptors and leaves every name in place, for the next process has both.</summary>
    public void Release()
    {
        ReleaseEnd();
        Log?.Close();
    }

    /// <summary>Accepts output; any thread, never waits, never allocates.</summary>
    /// <returns>How many bytes were accepted. If fewer than given, <see cref="IChardevFrontEnd.OutputReady"/> follows when there is room.</returns>
    public int Write(ReadOnlySpan<byte> bytes)
    {
        lock (Gate)
        {
            int accepted = Accept(bytes);
            Log?.Append(bytes[..accepted]);
            return accepted;
        }
    }

    /// <summary>
    /// Completes when what was accepted, or waits in the front end, is delivered and logged, or no reader is there any more: the last thing to
    /// wait for before the program ends. Any thread.
    /// </summary>
    public Task DeliveredAsync() => Log is { } log ? Task.WhenAll(EndDeliveredAsync(), log.WrittenAsync()) : EndDeliveredAsync();

    /// <summary>The line is interrupted for longer than a byte takes: a break, as on a serial line. Any thread.</summary>
    public virtual void Break()
    {
        lock (Gate)
        {
            FrontEnd?.Break();
        }
    }

    /// <summary>The front end has room for input again. Any thread.</summary>
    public abstract void InputReady();

    /// <inheritdoc/>
    public virtual void Save(StateWriter writer)
    {
        lock (Gate)
        {
            Queue.Save(writer);
        }
    }

    /// <inheritdoc/>
    public virtual void Load(StateReader reader)
    {
        lock (Gate)
        {
            Queue.Load(reader);
        }
    }

    /// <summary>
    /// Replaces this back end. The front end uses the other one from now on; output that was accepted here and not delivered is delivered there,
    /// in order. This one moves nothing any more and is to be closed. Any thread.
    /// </summary>
    /// <param name="next">The other one: opened, not started, without a front end, and with the gate of this one.</param>
    internal void ReplaceBy(Chardev next)
    {
        Quiesce();
        lock (Gate)
        {
            if (FrontEnd is IChangeableFrontEnd frontEnd)
            {
                FrontEnd = null;
                _ = next.Accept(Queue.Waiting);
                Queue.Clear();
                (next.FrontEnd, next._reportedPeer) = (frontEnd, _reportedPeer);
                frontEnd.BackEndChanged(next);
            }
        }

        next.Start();
        lock (Gate)
        {
            next.ReportPeer();
            next.FrontEnd?.OutputReady();
        }

        next.InputReady();
    }

    /// <summary>Closes the back end of a guest that runs on: what leads outside at once, the log when all that was accepted is in it.</summary>
    /// <param name="loop">The loop that this is called on.</param>
    /// <param name="limit">How long a log that stalls is waited for.</param>
    internal async Task CloseAsync(EventLoop loop, TimeSpan limit)
    {
        CloseEnd();
        if (Log is { } log)
        {
            log.Resume();
            await Task.WhenAny(log.WrittenAsync(), loop.Delay(limit));
        }

        Dispose();
    }

    /// <summary>Closes the back end at the end of its life and removes the names that are its own.</summary>
    public void Dispose()
    {
        CloseEnd();
        Log?.Close();
        GC.SuppressFinalize(this);
    }

    /// <summary>Notifies the front end whether a peer is there, if that has changed since the last notification. Gate held.</summary>
    private protected void ReportPeer()
    {
        if (IsRunning && FrontEnd is { } frontEnd && HasPeer != _reportedPeer)
        {
            _reportedPeer = !_reportedPeer;
            frontEnd.PeerChanged(_reportedPeer);
        }
    }

    /// <summary>Notifies the front end that <see cref="Size"/> has changed. One that is not running asks when it is started again. Any thread.</summary>
    private protected void ReportSize()
    {
        lock (Gate)
        {
            if (IsRunning)
            {
                FrontEnd?.SizeChanged();
            }
        }
    }

    /// <summary>See <see cref="Open"/>; of the back end without its log, as all that follow.</summary>
    private protected abstract void OpenEnd();

    /// <summary>See <see cref="OpenAsync"/>.</summary>
    private protected virtual Task OpenEndAsync(EventLoop loop)
    {
        OpenEnd();
        return Task.CompletedTask;
    }

    private protected abstract bool AdoptEnd(HandedOverDescriptors handedOver);

    private protected abstract IReadOnlyList<HandoverDescriptor> ExportEnd();

    private protected abstract void QuiesceEnd();

    private protected abstract void ResumeEnd();

    private protected abstract void ReleaseEnd();

    private protected abstract void CloseEnd();

    private protected abstract int Accept(ReadOnlySpan<byte> bytes);

    private protected virtual Task EndDeliveredAsync() => Task.CompletedTask;

    private void OpenLog()
    {
        if (!_isLogAdopted)
        {
            Log?.Open();
        }
    }
}
