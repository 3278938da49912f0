// The first part of an incoming handover: which client connects, and with what plan. Every process of the host may connect, so nothing but memory
// is spent here and that within limits, each wait has its time-out, and a client that fails is turned away without harm to the update.

using Vmm.Core.Descriptors;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Handover;

/// <summary>Greets a client and receives its plan, with the descriptors that belong to it. Machine loop only.</summary>
internal sealed class Handshake(OldPeer peer, MigrationParameters parameters, HandedOverDescriptors handedOver)
{
    private int _descriptors;

    /// <summary>Shakes hands with the client; its descriptors are in the set then.</summary>
    /// <exception cref="HandoverException">It may not take part, was too late, or sent something else.</exception>
    /// <exception cref="Vmm.Core.State.StateException">It sent a plan that is none.</exception>
    internal async Task<Plan> RunAsync()
    {
        peer.CheckCredentials();
        var greeted = peer.AnswerDeadline("did not greet");
        ushort protocol = Greeting.Settle(await peer.ReceiveAsync(greeted), peer.Name);
        peer.DropReceived();
        await peer.GreetAsync(greeted);
        peer.Settle(protocol);
        var plan = await ReceivePlanAsync(protocol, Deadline.In(parameters.CprPlanTimeout, peer.Name, "did not send its plan"));
        Boundary.Passed(HandoverStep.NewPlanReceived);
        return plan;
    }

    private async Task<Plan> ReceivePlanAsync(ushort protocol, Deadline deadline)
    {
        for (int messages = 1; ; messages++)
        {
            var message = await peer.ReceiveAsync(deadline);
            switch (message.Type)
            {
                case MessageType.Descriptors when messages > ProtocolLimits.MessagesBeforePlan:
                    throw new HandoverException(
                        $"{peer.Name} sent {messages} messages before its plan, at most {ProtocolLimits.MessagesBeforePlan} are taken");
                case MessageType.Descriptors:
                    FileDescriptors(message);
                    break;
                case MessageType.Plan:
                    return PlanCodec.Read(message.Reader(), protocol);
                default:
                    throw new HandoverException($"{peer.Name} sent message {(ushort)message.Type} where its plan was expected");
            }
        }
    }

    /// <summary>Puts the descriptors that came with a message into the set, under the names that it gives.</summary>
    private void FileDescriptors(Message message)
    {
        var reader = message.Reader();
        var names = PlanCodec.ReadList(reader, reader.ReadText);
        var handles = peer.TakeReceived();
        int filed = 0;
        try
        {
            _descriptors += handles.Length;
            if (_descriptors > ProtocolLimits.DescriptorsOfClient)
            {
                throw new HandoverException($"{peer.Name} sent {_descriptors} descriptors, at most {ProtocolLimits.DescriptorsOfClient} are taken");
            }

            if (names.Count != handles.Length)
            {
                throw new HandoverException($"{peer.Name} named {names.Count} descriptors and sent {handles.Length}");
            }

            while (filed < handles.Length)
            {
                if (!handedOver.TryAdd(names[filed], handles[filed++]))
                {
                    throw new HandoverException($"{peer.Name} sent descriptor '{PeerText.Of(names[filed - 1])}' twice");
                }
            }
        }
        finally
        {
            foreach (var handle in handles.AsSpan(filed))
            {
                handle.Dispose();
            }
        }
    }
}
