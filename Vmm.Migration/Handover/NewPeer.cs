// The new process, as the old one hears it on the cpr channel. It says little: that it is ready, that it listens, that it took
// the guest, or that it will not and why.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Migration.Handover;

/// <summary>Hears the other half of an outgoing handover. Machine loop only.</summary>
internal sealed class NewPeer(MessageChannel channel)
{
    /// <summary>Receives a message that must be of a type.</summary>
    /// <exception cref="PlanRefusedException">The peer refused, or could not load the guest.</exception>
    internal async Task<Message> ExpectAsync(MessageType expected, Deadline deadline)
    {
        var message = await ReceiveAsync(deadline);
        if (message.Type == expected)
        {
            return message;
        }

        ThrowIfRefusal(message);
        throw new HandoverException($"{channel.PeerName} sent message {(ushort)message.Type} where {expected} was expected");
    }

    /// <exception cref="PlanRefusedException">The message says that the guest will not be taken.</exception>
    internal void ThrowIfRefusal(Message message)
    {
        if (message.Type is MessageType.Refused or MessageType.Failed)
        {
            var reader = message.Reader();
            var reasons = PlanCodec.ReadList(reader, reader.ReadText);
            string verb = message.Type == MessageType.Refused ? "refused the guest" : "could not load the guest";
            throw new PlanRefusedException($"{channel.PeerName} {verb}: {string.Join("; ", reasons)}", reasons);
        }
    }

    /// <summary>Receives a message from a peer that has no descriptor to send.</summary>
    internal async Task<Message> ReceiveAsync(Deadline deadline)
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
    /// What is behind a failure. A peer that hangs up has said why before, or has gone without a word: either counts more than the broken pipe that shows it.
    /// </summary>
    internal async Task<Exception> CauseAsync(Exception failure)
    {
        if (failure is not (PosixException or HandoverException { InnerException: PosixException }))
        {
            return failure;
        }

        try
        {
            var now = Deadline.In(0, channel.PeerName, "said nothing");
            while (true)
            {
                ThrowIfRefusal(await ReceiveAsync(now));
            }
        }
        catch (HandoverException said) when (said is PeerGoneException or PlanRefusedException)
        {
            return said;
        }
        catch (Exception)
        {
            // It said nothing that explains more.
            return failure;
        }
    }
}
