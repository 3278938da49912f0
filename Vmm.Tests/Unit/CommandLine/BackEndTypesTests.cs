using Vmm.CommandLine;
using Vmm.Core.Configuration;
using Vmm.Core.Objects;

namespace Vmm.Tests.Unit.CommandLine;

/// <summary>A back end is declared once: what an option takes, what its help lists and what introspection shows are the same.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class BackEndTypesTests
{
    private static readonly string[] Objects =
        ["iothread", "memory-backend-file", "memory-backend-memfd", "memory-backend-ram", "memory-backend-shm", "rng-builtin", "rng-random", "secret", "throttle-group"];

    private static readonly string[] Chardevs = ["file", "memory", "null", "pty", "ringbuf", "socket", "stdio"];

    [Test]
    public void Object_help_lists_what_introspection_shows()
    {
        Assert.That(Listed("object"), Is.EqualTo(Objects));
        Assert.That(Types("memory-backend").Concat(Types("rng-backend")).Concat(["iothread", "secret", "throttle-group"]), Is.EquivalentTo(Objects));
        Assert.That(Objects, Is.SubsetOf(ObjectType.All.Select(type => type.Name)));
    }

    [Test]
    public void Blockdev_help_lists_the_drivers() => Assert.That(Listed("blockdev"), Is.EqualTo(new[] { "file", "host_device", "null-co", "raw", "throttle" }));

    [Test]
    public void Chardev_help_lists_what_introspection_shows()
    {
        Assert.That(Listed("chardev"), Is.EqualTo(Chardevs));
        Assert.That(Types("chardev"), Is.EqualTo(Chardevs.Select(ChardevConfiguration.TypeNameOf)));
    }

    [TestCaseSource(nameof(Chardevs))]
    public void Every_listed_chardev_is_taken(string backend) =>
        Assert.That(CommandLines.Machine($"-chardev {backend},id=c{(backend is "file" or "socket" ? ",path=p" : "")}").Chardevs.Single(c => c.Id == "c").Backend, Is.EqualTo(backend));

    [Test]
    public void An_unknown_chardev_is_refused_with_the_known_ones() => Assert.That(
        () => CommandLines.Machine("-chardev vc,id=c"),
        Throws.TypeOf<CommandLineException>().With.Message.Contains("'vc' is not a valid char driver name: expected null, stdio, file, pty, socket, ringbuf or memory"));

    private static IEnumerable<string> Listed(string option) =>
        OptionHelp.Of(option, "help")!.Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(line => line.Trim());

    private static IEnumerable<string> Types(string parent) => ObjectType.All.Where(type => type.Parent == parent).Select(type => type.Name);
}
