// The old process, as the one that waits speaks with it on the cpr channel. It is not trusted: descriptors that it sends
// are kept here until they are filed under a name, and are closed with the channel otherwise.
//
// Once the plan is accepted old has nothing more to send until it knows whether the guest was taken. So one receive stays pending from
// then on, and each wait ends when that does: it is how the end of the old process is noticed.
//
// A process that dies closes its channels before it has quite ended. What it had open is no one else's to write to until then.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Handover;

/// <summary>The other half of an incoming handover. Machine loop only.</summary>
internal sealed class OldPeer(EventLoop loop, SafeFileHandle connection, MigrationParameters parameters) : IDisposable
{
    /// <summary>How long the end of a process that has hung up is waited for: perhaps it lives and has only closed the channel.</summary>
    private static readonly TimeSpan LongestEnd = TimeSpan.FromMilliseconds(200);

    private readonly MessageChannel _channel = new(loop, connection);
    private readonly List<SafeFileHandle> _received = [];
    private PeerProcess? _process;
    private bool _hasSentOwn;
    private Task<Message>? _word;

    /// <summary>The peer, for texts.</summary>
    internal string Name => _channel.PeerName;

    /// <summary>Its number; 0 if it is in a pid namespace that this one does not see.</summary>
    internal int ProcessId => _channel.PeerProcessId;

    /// <summary>
    /// Whether one of the two processes can notice the end of the other, as far as this one can know: it has a pidfd of old, or has sent one of itself. Known
    /// when both have greeted.
    /// </summary>
    internal bool IsEndNoticed => Process.IsKnown || _hasSentOwn;

    /// <summary>Identified at the first look, which is while it lives: later its number may be another's.</summary>
    private PeerProcess Process => _process ??= PeerProcess.OfClient(loop, _channel);

    /// <summary>Why a message could not be sent; null when all were sent.</summary>
    internal string? SendFailure { get; private set; }

    /// <exception cref="HandoverException">It is of another user.</exception>
    internal void CheckCredentials() => Credentials.Check(_channel);

    /// <summary>Time for something that costs it nothing: a greeting, taking an answer.</summary>
    internal Deadline AnswerDeadline(string what) => Deadline.In(parameters.CprConnectTimeout, Name, what);

    /// <summary>The protocol version that both speak; known when both have greeted.</summary>
    internal ushort Protocol { get; private set; }

    /// <summary>Both have greeted: messages are those of this protocol version from now on.</summary>
    internal void Settle(ushort protocol)
    {
        Protocol = protocol;
        _channel.Settle(protocol);
    }

    /// <summary>Completes at once as long as it has the channel open; otherwise when it has ended, or after 200 ms.</summary>
    internal Task EndedIfHungUpAsync() => _channel.HasHungUp ? Process.EndAsync(LongestEnd) : Task.CompletedTask;

    /// <summary>Receives its next message; descriptors that came along wait to be taken.</summary>
    internal async Task<Message> ReceiveAsync(Deadline deadline) => await _channel.ReceiveAsync(_received, deadline);

    /// <summary>Takes the descriptors that came and were not taken yet; they belong to the caller.</summary>
    internal SafeFileHandle[] TakeReceived()
    {
        var handles = _received.ToArray();
        _received.Clear();
        return handles;
    }

    /// <summary>Closes the descriptors that came and were not taken yet: nothing expects them.</summary>
    internal void DropReceived()
    {
        _received.ForEach(d => d.Dispose());
        _received.Clear();
    }

    /// <summary>Sends a message without which the handover cannot continue.</summary>
    /// <exception cref="HandoverException">It did not take the message.</exception>
    internal ValueTask SendAsync(MessageType type, StateWriter body, Deadline deadline) => _channel.SendAsync(type, body, deadline);

    /// <summary>
    /// Greets it, with a descriptor of this process, by which it notices the end of this process also where the kernel does not report that and no
    /// number of this process means anything in its pid namespace. A program that does not know of it closes it.
    /// </summary>
    internal async ValueTask GreetAsync(Deadline deadline)
    {
        using var self = PeerProcess.TryOpenOwn();
        _hasSentOwn = self is not null;
        await _channel.SendAsync(MessageType.Hello, Greeting.Hello(), self is null ? [] : [self], deadline);
    }

    /// <summary>Sends an outcome. Whether it arrives changes nothing here: the old process decides by the channel's end and the baton.</summary>
    /// <returns>Whether it was sent; if not, <see cref="SendFailure"/> says why.</returns>
    internal async Task<bool> TrySendAsync(MessageType type, StateWriter body, Deadline deadline)
    {
        try
        {
            await _channel.SendAsync(type, body, deadline);
            return true;
        }
        catch (Exception e) when (e is HandoverException or ObjectDisposedException)
        {
            SendFailure = e.Message;
            return false;
        }
    }

    /// <summary>Sends the reasons why this process will not, or could not, take the guest.</summary>
    internal Task SendReasonsAsync(MessageType type, IReadOnlyCollection<string> reasons)
    {
        var body = new StateWriter(1024);
        PlanCodec.WriteList(body, PeerText.Of(reasons), body.WriteText);
        return TrySendAsync(type, body, AnswerDeadline("did not take an answer"));
    }

    /// <summary>Waits for something that only comes while the old process lives; its end is noticed on the cpr channel.</summary>
    internal async Task<T> OrPeerEndAsync<T>(Task<T> awaited)
    {
        await OrPeerEndAsync((Task)awaited);
        return await awaited;
    }

    /// <inheritdoc cref="OrPeerEndAsync{T}"/>
    internal async Task OrPeerEndAsync(Task awaited)
    {
        _word ??= ReceiveAsync(Deadline.Never);
        if (await Task.WhenAny(awaited, _word) == awaited)
        {
            await awaited;
            return;
        }

        var message = await _word;
        throw new HandoverException(message.Type == MessageType.Abandoned
            ? $"{Name} gave the attempt up"
            : $"{Name} sent message {(ushort)message.Type} where none was expected");
    }

    /// <summary>Completes when it has hung up, or when the time has passed; with whatever it may have said.</summary>
    internal Task EndOrSilenceAsync(TimeSpan silence)
    {
        _word ??= ReceiveAsync(Deadline.Never);
        return Task.WhenAny(_word, loop.Delay(silence));
    }

    /// <summary>Hangs up, and closes the descriptors that were not taken.</summary>
    public void Dispose()
    {
        _channel.Dispose();
        _process?.Dispose();
        DropReceived();
    }
}
