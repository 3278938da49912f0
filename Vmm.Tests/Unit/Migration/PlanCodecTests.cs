using System.Text;
using Vmm.Core.Configuration;
using Vmm.Core.Memory;
using Vmm.Core.State;
using Vmm.Migration.Handover;
using Vmm.Migration.Plans;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
public sealed class PlanCodecTests
{
    private static readonly Plan Sample = new()
    {
        Attempt = 0x1234,
        PrefaultBudget = 50,
        GuestVisible = [new("memory", "size", "4194304"), new("machine", "name", "größer")],
        Layouts = [new("state of serial 0", "layout", "version 1, 00112233")],
        Ram = [new("mem0", 4096, new RamFileIdentity(1, 2, 3, -1))],
        Images = [new("disk0", 5, 6, 2)],
        BoardRevision = 2,
        GuestAbi = new byte[] { 9, 8, 7 },
        Placement = [new(new byte[] { 3, 0 }, 1, 50)],
        HostOnly = [new("boot", "append", "quiet")],
        SignOfLifeWithin = 1250,
        Host = new(new NumaPolicy(2, new byte[] { 1 }), 1, 65536),
    };

    [Test]
    public void A_plan_reads_back_as_written()
    {
        var plan = Read(Write(Sample));
        Assert.Multiple(() =>
        {
            Assert.That(plan.Attempt, Is.EqualTo(Sample.Attempt));
            Assert.That(plan.PrefaultBudget, Is.EqualTo(Sample.PrefaultBudget));
            Assert.That(plan.GuestVisible, Is.EqualTo(Sample.GuestVisible));
            Assert.That(plan.Layouts, Is.EqualTo(Sample.Layouts));
            Assert.That(plan.Ram, Is.EqualTo(Sample.Ram));
            Assert.That(plan.GuestAbi.ToArray(), Is.EqualTo(Sample.GuestAbi.ToArray()));
            Assert.That(plan.Placement[0].Affinity.ToArray(), Is.EqualTo(new byte[] { 3, 0 }));
            Assert.That(plan.Host, Is.EqualTo(Sample.Host));
            Assert.That(plan.HostOnly, Is.EqualTo(Sample.HostOnly));
            Assert.That(plan.BoardRevision, Is.EqualTo(Sample.BoardRevision));
            Assert.That(plan.Images, Is.EqualTo(Sample.Images));
            Assert.That(plan.SignOfLifeWithin, Is.EqualTo(Sample.SignOfLifeWithin));
            Assert.That((plan.Placement[0].Policy, plan.Placement[0].Priority), Is.EqualTo((1, 50)));
        });
    }

    [Test]
    public void What_the_host_did_not_say_stays_unknown()
    {
        var plan = Sample with { Host = HostPlacement.Unknown };
        Assert.That(Read(Write(plan)).Host, Is.EqualTo(HostPlacement.Unknown));
    }

    [Test]
    [Promise(40)]
    public void In_protocol_version_1_a_plan_has_these_bytes()
    {
        byte[] bytes = Write(Sample, protocol: 1);

        Assert.That(Convert.ToHexStringLower(bytes), Is.EqualTo(
            "0000000000001234" + "00000032"                                                             // attempt, budget; no flags
            + "00000002" + Text("memory") + Text("size") + Text("4194304")                              // guest-visible properties
            + Text("machine") + Text("name") + Text("größer")
            + "00000001" + Text("state of serial 0") + Text("layout") + Text("version 1, 00112233")     // layouts
            + "00000001" + Text("mem0") + "0000000000001000"                                            // RAM: name, size, and the file's
            + "0000000000000001" + "0000000000000002" + "0000000000000003" + "ffffffff"                 // device, inode, size, seals
            + "00000003" + "090807"                                                                     // guest ABI
            + "00000001" + "00000002" + "0300" + "00000001" + "00000032"));                             // vCPUs: processors, policy, priority
        var plan = Read(bytes, protocol: 1);
        Assert.That(plan.GuestVisible, Is.EqualTo(Sample.GuestVisible));
        Assert.That(plan.Host, Is.EqualTo(HostPlacement.Unknown));
    }

    [Test]
    public void A_preflight_is_announced_from_protocol_version_2_on() => Assert.Multiple(() =>
    {
        Assert.That(Read(Write(Sample with { IsPreflight = true })).IsPreflight, Is.True);
        Assert.That(Write(Sample with { IsPreflight = true }, protocol: 1), Is.EqualTo(Write(Sample, protocol: 1)));
    });

    [Test]
    [Promise(40)]
    public void A_peer_that_says_nothing_of_board_revisions_has_the_first()
    {
        Assert.That(Read(Write(Sample, protocol: 4), protocol: 4).BoardRevision, Is.EqualTo(1));
        Assert.That(() => Read(Write(Sample), protocol: 4), Throws.TypeOf<StateException>());
    }

    [Test]
    public void Protocol_version_5_says_nothing_of_images()
    {
        Assert.That(Read(Write(Sample, protocol: 5), protocol: 5).Images, Is.Null);
        Assert.That(() => Read(Write(Sample), protocol: 5), Throws.TypeOf<StateException>());
    }

    [Test]
    public void Before_protocol_version_6_nothing_is_said_of_back_ends_that_no_device_uses()
    {
        var plan = Sample with { GuestVisible = [.. Sample.GuestVisible, new("chardev spare", "backend", "socket")] };
        Assert.That(Read(Write(plan, protocol: 5), protocol: 5).GuestVisible, Is.EqualTo(Sample.GuestVisible));
        Assert.That(Read(Write(plan)).GuestVisible, Is.EqualTo(plan.GuestVisible));
    }

    [Test]
    public void Protocol_version_3_has_signs_of_life_and_no_host_only_properties()
    {
        var plan = Read(Write(Sample, protocol: 3), protocol: 3);
        Assert.Multiple(() =>
        {
            Assert.That(plan.SignOfLifeWithin, Is.EqualTo(Sample.SignOfLifeWithin));
            Assert.That(plan.HostOnly, Is.Null);
            Assert.That(() => Read(Write(Sample), protocol: 3), Throws.TypeOf<StateException>());
        });
    }

    [Test]
    public void Protocol_version_2_has_no_signs_of_life_and_no_host_only_properties()
    {
        var plan = Read(Write(Sample, protocol: 2), protocol: 2);
        Assert.Multiple(() =>
        {
            Assert.That(plan.Host, Is.EqualTo(Sample.Host));
            Assert.That((plan.HostOnly, plan.SignOfLifeWithin), Is.EqualTo(((IReadOnlyList<PropertyValue>?)null, 0u)));
            Assert.That(() => Read(Write(Sample), protocol: 2), Throws.TypeOf<StateException>());
        });
    }

    [Test]
    [Promise(19)]
    public void Every_truncation_is_refused()
    {
        byte[] bytes = Write(Sample);
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.That(() => Read(bytes[..length]), Throws.TypeOf<StateException>(), $"{length} bytes");
        }
    }

    [Test]
    [Promise(19)]
    public void Every_damaged_byte_is_read_or_refused_and_nothing_else()
    {
        byte[] bytes = Write(Sample);
        for (int i = 0; i < bytes.Length; i++)
        {
            foreach (byte value in (byte[])[0, 1, 0x7f, 0x80, 0xff, (byte)~bytes[i]])
            {
                byte[] damaged = [.. bytes];
                damaged[i] = value;
                try
                {
                    Read(damaged);
                }
                catch (StateException)
                {
                    // Refused.
                }
            }
        }
    }

    [Test]
    public void Random_bytes_are_read_or_refused_and_nothing_else()
    {
        var random = new Random(20261123);
        byte[] bytes = new byte[200];
        for (int i = 0; i < 5000; i++)
        {
            random.NextBytes(bytes);
            bytes.AsSpan(12, 3).Clear();
            try
            {
                Read(bytes);
            }
            catch (StateException)
            {
                // Refused.
            }
        }
    }

    [Test]
    public void A_list_longer_than_any_is_refused_before_memory_is_spent_on_it()
    {
        var writer = new StateWriter();
        writer.WriteUInt64(1);
        writer.WriteUInt32(0);
        writer.WriteUInt32(0);
        writer.WriteUInt32(uint.MaxValue);
        Assert.That(
            () => Read(writer.Written.ToArray()),
            Throws.TypeOf<StateException>().With.Message.EqualTo("a list of 4294967295 was announced, at most 4096 is taken"));
    }

    [Test]
    public void An_unknown_flag_is_refused()
    {
        var writer = new StateWriter();
        writer.WriteUInt64(1);
        writer.WriteUInt32(0);
        writer.WriteUInt32(3);
        Assert.That(
            () => Read(writer.Written.ToArray()),
            Throws.TypeOf<StateException>().With.Message.EqualTo("the plan has flags 0x3, of which 0x2 are unknown here"));
    }

    [Test]
    public void Bytes_after_the_plan_are_refused() => Assert.That(
        () => Read([.. Write(Sample), 0]),
        Throws.TypeOf<StateException>().With.Message.EqualTo("1 bytes follow the plan"));

    /// <summary>A text's length and its bytes, in hexadecimal.</summary>
    private static string Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return $"{bytes.Length:x8}{Convert.ToHexStringLower(bytes)}";
    }

    private static byte[] Write(Plan plan, ushort protocol = Greeting.NewestProtocol)
    {
        var writer = new StateWriter();
        PlanCodec.Write(writer, plan, protocol);
        return writer.Written.ToArray();
    }

    private static Plan Read(byte[] bytes, ushort protocol = Greeting.NewestProtocol) => PlanCodec.Read(new StateReader(bytes), protocol);
}
