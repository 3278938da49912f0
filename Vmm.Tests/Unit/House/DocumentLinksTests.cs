using System.Text;
using System.Text.RegularExpressions;

namespace Vmm.Tests.Unit.House;

/// <summary>A link in a document of this repository leads to a file that is there, and to a heading that it has.</summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class DocumentLinksTests
{
    private static readonly string[] Documents = [.. Checkout.Files().Where(file => file.EndsWith(".md", StringComparison.Ordinal))];

    [Test]
    public void Every_link_leads_to_a_file_and_a_heading_that_exist()
    {
        var broken = from document in Documents
                     from Match link in Link().Matches(Read(document))
                     where WhyBroken(document, link.Groups["target"].Value) is not null
                     select $"{document}: {link.Groups["target"].Value} {WhyBroken(document, link.Groups["target"].Value)}";
        Assert.That(broken, Is.Empty);
    }

    [Test]
    public void The_first_page_leads_to_every_other_page()
    {
        var linked = new HashSet<string>(StringComparer.Ordinal);
        var next = new Queue<string>(["README.md"]);
        while (next.TryDequeue(out string? document))
        {
            if (linked.Add(document) && Documents.Contains(document))
            {
                Link().Matches(Read(document)).ToList().ForEach(link => next.Enqueue(Resolve(document, link.Groups["target"].Value.Split('#')[0])));
            }
        }

        Assert.That(Documents.Where(document => !linked.Contains(document)), Is.Empty);
    }

    private static string? WhyBroken(string document, string target)
    {
        if (target.Contains("://", StringComparison.Ordinal))
        {
            return null;
        }

        string[] parts = target.Split('#');
        string file = Resolve(document, parts[0]);
        if (!Path.Exists(Path.Combine(Checkout.Root, file)))
        {
            return "does not exist";
        }

        return parts.Length == 1 || Headings(file).Contains(parts[1]) ? null : "has no such heading";
    }

    private static string Resolve(string document, string target) => target.Length == 0
        ? document
        : Path.GetRelativePath(Checkout.Root, Path.GetFullPath(Path.Combine(Checkout.Root, Path.GetDirectoryName(document)!, target)));

    /// <summary>The anchors of a page's headings: small letters, digits and dashes for blanks.</summary>
    private static IEnumerable<string> Headings(string document) =>
        from Match heading in Heading().Matches(Read(document))
        select Anchor(heading.Groups["text"].Value);

    private static string Anchor(string heading)
    {
        var anchor = new StringBuilder();
        foreach (char letter in heading)
        {
            anchor.Append(char.IsLetterOrDigit(letter) || letter == '-' ? char.ToLowerInvariant(letter).ToString() : letter == ' ' ? "-" : "");
        }

        return anchor.ToString();
    }

    private static string Read(string document) => File.ReadAllText(Path.Combine(Checkout.Root, document));

    [GeneratedRegex(@"(?<!`)!?\[[^\]`]*\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#{1,6} (?<text>.*?)\s*$", RegexOptions.Multiline)]
    private static partial Regex Heading();
}
