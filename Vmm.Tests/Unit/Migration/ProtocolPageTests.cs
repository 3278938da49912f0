using System.Globalization;
using System.Text.RegularExpressions;
using Vmm.Migration.Channels;
using Vmm.Migration.Handover;
using Vmm.Tests.Unit.House;

namespace Vmm.Tests.Unit.Migration;

/// <summary>docs/protocol.md describes the messages and versions that there are.</summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class ProtocolPageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "protocol.md"));

    [Test]
    public void Every_message_is_listed_with_its_number()
    {
        var rows = MessageRow().Matches(Page).Select(row => (row.Groups["number"].Value, row.Groups["name"].Value));
        var messages = Enum.GetValues<MessageType>().Select(type => (((ushort)type).ToString(CultureInfo.InvariantCulture), type.ToString()));
        Assert.That(messages, Is.SubsetOf(rows));
    }

    [Test]
    public void The_versions_that_this_program_speaks_are_those_of_the_page()
    {
        Assert.That(Page, Does.Contain($"This program speaks versions {Greeting.OldestProtocol} to {Greeting.NewestProtocol}."));
        Assert.That(
            Number().Matches(Page.Split("| version | adds |")[1]).Select(row => row.Value),
            Is.EqualTo(Enumerable.Range(1, Greeting.NewestProtocol).Select(version => $"| {version} |")));
    }

    [GeneratedRegex(@"^\| [0-9]+ \|", RegexOptions.Multiline)]
    private static partial Regex Number();

    [GeneratedRegex(@"^\| (?<number>[0-9]+) \| (?<name>[A-Z][a-z]+) \|", RegexOptions.Multiline)]
    private static partial Regex MessageRow();
}
