// The new process, as the one that has the guest speaks with it on the cpr channel. It has no descriptor to send but the one of itself that comes
// with its greeting, and at any time it may say instead of what was expected that it refuses the guest, or could not load it, and why.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Migration.Handover;

/// <summary>The other half of an outgoing handover. Machine loop only.</summary>
internal sealed class NewPeer(MessageChannel channel) : IDisposable
{
    private ushort _protocol;

    /// <summary>The process, identified by its greeting where the kernel does not identify it.</summary>
    internal PeerProcess? Process { get; set; }

    /// <summary>The peer, for texts.</summary>
    internal string Name => channel.PeerName;

    /// <summary>Greets it.</summary>
    /// <returns>The protocol version to speak.</returns>
    internal async Task<ushort> GreetAsync(uint timeout)
    {
        Credentials.Check(channel);
        var greeted = Deadline.In(timeout, Name, "did not answer the greeting");

        // Without a descriptor of this process: the first version takes one that comes here for one that is to be named.
        await channel.SendAsync(MessageType.Hello, Greeting.Hello(), greeted);
        var greeting = await ReceiveGreetingAsync(greeted);
        ThrowIfRefusal(greeting);
        _protocol = Greeting.Settle(greeting, Name);
        channel.Settle(_protocol);
        return _protocol;
    }

    /// <summary>Sends a message.</summary>
    internal ValueTask SendAsync(MessageType type, StateWriter body, Deadline deadline) => channel.SendAsync(type, body, deadline);

    /// <summary>Sends descriptors under their names, in as many messages as it takes.</summary>
    internal async Task SendDescriptorsAsync(List<HandoverDescriptor> descriptors, Deadline deadline)
    {
        foreach (var part in descriptors.Chunk(UnixSocket.MostDescriptors))
        {
            var body = new StateWriter(4096);
            PlanCodec.WriteList(body, part, c => body.WriteText(c.Name));
            await channel.SendAsync(MessageType.Descriptors, body, Array.ConvertAll<HandoverDescriptor, SafeHandle>(part, c => c.Handle), deadline);
        }
    }

    /// <summary>
    /// Waits until it listens on the main channel. With -incoming defer its operator decides when, and meanwhile it says again and again that
    /// it lives; a peer of an earlier protocol cannot, and is waited for in silence.
    /// </summary>
    internal async Task ListensAsync(uint signOfLifeWithin)
    {
        var type = MessageType.Waiting;
        while (type == MessageType.Waiting)
        {
            bool hasSignsOfLife = _protocol >= PlanCodec.HasSignsOfLife;
            var deadline = hasSignsOfLife ? Deadline.In(signOfLifeWithin, Name, "was ready and gave no sign of life") : Deadline.Never;
            type = (await ExpectAsync(MessageType.Listening, deadline, hasSignsOfLife ? MessageType.Waiting : MessageType.Listening)).Type;

            if (type == MessageType.Waiting)
            {
                // A peer that sends them without a pause fills its socket and waits, and costs little here.
                await channel.PauseAsync(ProtocolLimits.BetweenSignsOfLife);
            }
        }
    }

    /// <summary>Receives a message of a type, or of another that may come in its place.</summary>
    /// <exception cref="PlanRefusedException">It said instead why it does not, or could not, take the guest.</exception>
    internal async Task<Message> ExpectAsync(MessageType expected, Deadline deadline, MessageType? or = null)
    {
        var message = await ReceiveAsync(deadline);
        if (message.Type == expected || message.Type == or)
        {
            return message;
        }

        ThrowIfRefusal(message);
        throw new HandoverException($"{Name} sent message {(ushort)message.Type} where {expected} was expected");
    }

    private void ThrowIfRefusal(Message message)
    {
        if (message.Type is MessageType.Refused or MessageType.Failed)
        {
            var reader = message.Reader();
            var reasons = PlanCodec.ReadTexts(reader);
            string verb = message.Type == MessageType.Refused ? "refused the guest" : "could not load the guest";
            throw new PlanRefusedException($"{Name} {verb}: {string.Join("; ", reasons)}", reasons);
        }
    }

    /// <summary>Receives its greeting, and with it a descriptor of itself, from programs that send one.</summary>
    private async Task<Message> ReceiveGreetingAsync(Deadline deadline)
    {
        var descriptors = new List<SafeFileHandle>();
        try
        {
            var greeting = await channel.ReceiveAsync(descriptors, deadline);
            Process?.Identify(descriptors);
            return greeting;
        }
        finally
        {
            descriptors.ForEach(d => d.Dispose());
        }
    }

    /// <summary>Receives a message from a peer that has no descriptor to send.</summary>
    private async Task<Message> ReceiveAsync(Deadline deadline)
    {
        var unwanted = new List<SafeFileHandle>();
        try
        {
            return await channel.ReceiveAsync(unwanted, deadline);
        }
        finally
        {
            unwanted.ForEach(d => d.Dispose());
        }
    }

    /// <summary>
    /// A peer that hangs up may have sent the reason before, which is a better error than the broken pipe. Only what has arrived is read, and a
    /// bounded part of it: a peer that broke one channel may fill the other one without end.
    /// </summary>
    internal async Task<Exception> CauseAsync(Exception failure)
    {
        if (failure is not (PosixException or HandoverException { InnerException: PosixException }))
        {
            return failure;
        }

        try
        {
            var now = Deadline.In(0, Name, "said nothing");
            for (int messages = 0; messages < ProtocolLimits.MessagesForCause; messages++)
            {
                ThrowIfRefusal(await ReceiveAsync(now));
            }

            return failure;
        }
        catch (HandoverException said) when (said is PeerEndedException or PlanRefusedException)
        {
            return said;
        }
        catch (Exception)
        {
            // It sent no reason.
            return failure;
        }
    }

    /// <summary>Hangs up.</summary>
    public void Dispose() => channel.Dispose();
}
