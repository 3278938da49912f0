using Vmm.Core.Descriptors;
using Vmm.Core.Native;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Unit.Migration;

/// <summary>What one client, and all clients, may demand of a waiting process before it has a plan.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HandshakeLimitsTests : OldPeerTest
{
    [TestCase(ProtocolLimits.MessagesBeforePlan)]
    [TestCase(ProtocolLimits.MessagesBeforePlan + 1)]
    [Promise(45)]
    public async Task Messages_before_the_plan_up_to_the_limit(int count)
    {
        using (var peer = new PeerAsOld(Fixture, Source))
        {
            await peer.Handshake();
            await peer.SendDescriptors();
            for (int sent = 1; sent < count; sent++)
            {
                await peer.SendDescriptors([]);
            }

            await ExpectAnswer(
                peer,
                count <= ProtocolLimits.MessagesBeforePlan,
                $"{Itself} sent {count} messages before its plan, at most {ProtocolLimits.MessagesBeforePlan} are taken");
        }
    }

    [TestCase(ProtocolLimits.DescriptorsOfClient)]
    [TestCase(ProtocolLimits.DescriptorsOfClient + 1)]
    [Promise(45)]
    public async Task Descriptors_up_to_the_limit(int count)
    {
        using (var peer = new PeerAsOld(Fixture, Source))
        {
            await peer.Handshake();
            for (int more = 0; peer.HandoverDescriptors.Count < count; more++)
            {
                peer.HandoverDescriptors.Add(new HandoverDescriptor($"unwanted/{more}", peer.Baton.File));
            }

            foreach (var part in peer.HandoverDescriptors.Chunk(UnixSocket.MostDescriptors))
            {
                await peer.SendDescriptors(part);
            }

            await ExpectAnswer(
                peer,
                count <= ProtocolLimits.DescriptorsOfClient,
                $"{Itself} sent {count} descriptors, at most {ProtocolLimits.DescriptorsOfClient} are taken");
        }
    }

    /// <summary>Each of them has sent half of a plan, and holds descriptors; one more, and the first one goes.</summary>
    [Test]
    [Promise(45)]
    public async Task Of_too_many_clients_the_first_is_turned_away()
    {
        var clients = new Queue<PeerAsOld>();
        try
        {
            for (int i = 0; i < 3 * ProtocolLimits.ConcurrentHandshakes; i++)
            {
                clients.Enqueue(await HangInHandshakeAsync());
                if (clients.Count > ProtocolLimits.ConcurrentHandshakes)
                {
                    using var first = clients.Dequeue();
                    var message = await first.Cpr.Receive();
                    Assert.That(message.Type, Is.EqualTo(MessageType.Refused));
                    Assert.That(
                        Peer.Reasons(message),
                        Is.EqualTo(new[] { $"{Itself} had not sent its plan when others came: {ProtocolLimits.ConcurrentHandshakes} handshakes run at a time" }));
                    await first.Cpr.ReceiveEnd();
                }
            }

            await AnHonestPeerIsServed();
        }
        finally
        {
            while (clients.TryDequeue(out var client))
            {
                client.Dispose();
            }
        }
    }

    [Test]
    public async Task Descriptors_that_come_with_the_greeting_are_dropped()
    {
        using var peer = new PeerAsOld(Fixture, Source);
        var hello = new StateWriter();
        hello.WriteUInt16(1);
        hello.WriteUInt16(peer.Protocol);
        hello.WriteText("later");
        await peer.Cpr.Send(MessageType.Hello, hello, peer.Baton.File);
        await peer.Cpr.Receive(MessageType.Hello);
        await peer.Cpr.Settle(peer.Protocol);
        await peer.SendDescriptors();
        await peer.SendPlan();

        await peer.Cpr.Receive(MessageType.Ready);
    }

    private static async Task ExpectAnswer(PeerAsOld peer, bool isTaken, string otherwise)
    {
        if (isTaken)
        {
            await peer.SendPlan();
            await peer.Cpr.Receive(MessageType.Ready);
            return;
        }

        var message = await peer.Cpr.Receive();
        Assert.That(message.Type, Is.EqualTo(MessageType.Refused));
        Assert.That(Peer.Reasons(message), Is.EqualTo(new[] { otherwise }));
    }

    private async Task<PeerAsOld> HangInHandshakeAsync()
    {
        var peer = new PeerAsOld(Fixture, Source);
        await peer.Handshake();
        await peer.SendDescriptors();
        await peer.Cpr.SendRaw("VMMc"u8.ToArray());
        return peer;
    }
}
