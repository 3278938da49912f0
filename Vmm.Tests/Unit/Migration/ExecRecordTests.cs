using System.Buffers.Binary;
using Vmm.Core.State;
using Vmm.Migration.Channels;
using Vmm.Migration.Exec;
using Vmm.Migration.Settings;

namespace Vmm.Tests.Unit.Migration;

/// <summary>What a program leaves to the one that replaces it.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class ExecRecordTests
{
    private const int HeadSize = 20;

    [Test]
    public void It_is_read_as_it_was_written()
    {
        var record = Sample();

        var read = ExecRecord.Read(record.Write());

        Assert.Multiple(() =>
        {
            Assert.That(read.Protocol, Is.EqualTo(record.Protocol));
            Assert.That(read.Plan.ToArray(), Is.EqualTo(record.Plan.ToArray()));
            Assert.That(read.State.ToArray(), Is.EqualTo(record.State.ToArray()));
            Assert.That(read.Descriptors, Is.EqualTo(record.Descriptors));
            Assert.That(read.Contents.Select(content => content.Name), Is.EqualTo(record.Contents.Select(content => content.Name)));
            Assert.That(read.Contents.Select(content => content.Content.ToArray()), Is.EqualTo(record.Contents.Select(content => content.Content.ToArray())));
            Assert.That(read.WayBack.Image, Is.EqualTo(record.WayBack.Image));
            Assert.That(read.WayBack.Arguments, Is.EqualTo(record.WayBack.Arguments));
            Assert.That(read.Keeper, Is.EqualTo(record.Keeper));
            Assert.That(read.Settings, Is.EqualTo(record.Settings));
        });
    }

    /// <summary>How long a command may be is the kernel's to say.</summary>
    [Test]
    public void A_long_command_is_kept()
    {
        string[] command = [.. Enumerable.Repeat("x", 20_000), new string('y', 100_000)];
        var settings = Sample().Settings with { Parameters = new MigrationParameters { Mode = MigrationMode.CprExec, CprExecCommand = command } };

        var read = ExecRecord.Read((Sample() with { Settings = settings, WayBack = (9, [.. command.Select(System.Text.Encoding.UTF8.GetBytes)]) }).Write());

        Assert.That(read.Settings.Parameters.CprExecCommand, Is.EqualTo(command));
        Assert.That(read.WayBack.Arguments, Has.Count.EqualTo(command.Length));
    }

    [Test]
    public void Every_descriptor_is_listed_once() =>
        Assert.That(Sample().Numbers, Is.EquivalentTo(new[] { 5, 6, 9, 10, 11 }));

    [Test]
    public void A_part_of_a_later_program_is_skipped()
    {
        var bytes = Resealed([.. Sample().Write().ToArray(), 0, 0, 0, 99, 0, 0, 0, 2, 1, 2]);

        Assert.That(ExecRecord.Read(bytes).Keeper, Is.EqualTo(Sample().Keeper));
    }

    [Test]
    public void Each_truncation_is_refused()
    {
        byte[] bytes = Sample().Write().ToArray();
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.That(() => ExecRecord.Read(bytes.AsMemory(0, length)), Throws.InstanceOf<StateException>(), $"{length} bytes");
        }
    }

    [Test]
    public void Each_flipped_byte_is_refused()
    {
        byte[] bytes = Sample().Write().ToArray();
        for (int at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= 0x81;
            Assert.That(() => ExecRecord.Read(bytes), Throws.InstanceOf<StateException>(), $"byte {at}");
            bytes[at] ^= 0x81;
        }
    }

    /// <summary>With a checksum that is right: what is inside is hostile too.</summary>
    [TestCase(20_000)]
    [Soak(1_000_000)]
    public void A_damaged_content_is_refused_or_read_and_nothing_else(int cases)
    {
        var random = new Random(18);
        byte[] whole = Sample().Write().ToArray();
        int refused = 0;
        for (int i = 0; i < cases; i++)
        {
            byte[] bytes = [.. whole];
            for (int changes = random.Next(1, 4); changes > 0; changes--)
            {
                bytes[random.Next(HeadSize, bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                _ = ExecRecord.Read(Resealed(bytes)).Numbers.ToList();
            }
            catch (StateException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.InRange(1, cases - 1));
    }

    [Test]
    public void A_part_that_is_there_twice_is_refused()
    {
        byte[] bytes = Sample().Write().ToArray();
        byte[] first = bytes[HeadSize..(HeadSize + 10)];

        Assert.That(() => ExecRecord.Read(Resealed([.. bytes, .. first])), Throws.InstanceOf<StateException>().With.Message.Contains("2 parts 'Protocol'"));
    }

    private static ExecRecord Sample() => new()
    {
        Protocol = 6,
        Plan = new byte[] { 1, 2, 3 },
        State = new byte[] { 4, 5 },
        Descriptors = [("ram/ram0", 5), ("baton", 6), ("monitor/q/listener", 5)],
        Contents = [("monitors", new byte[] { 7 }), ("terminal", Array.Empty<byte>())],
        WayBack = (9, [[(byte)'v', 0xff], [], "-m"u8.ToArray()]),
        Keeper = (10, 11, 4711),
        Settings = new ExecSettings(
            new MigrationParameters { Mode = MigrationMode.CprExec, CprExecCommand = ["a", ""], CprUri = "unix:x", CprLoadTimeout = 77, CprPrefaultBudget = 3 },
            new MigrationCapabilities { Events = true, ValidateUuid = true }),
    };

    private static byte[] Resealed(byte[] bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), (ulong)(bytes.Length - HeadSize));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), Checksum.Of(bytes.AsSpan(HeadSize)));
        return bytes;
    }
}
