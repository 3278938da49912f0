// What is published says nothing of the machine that it was made on, nor of where that machine gets its packages.

using System.Text.RegularExpressions;

namespace Vmm.Tests.Unit.House;

[Parallelizable(ParallelScope.All)]
public sealed partial class TrackedFilesTests
{
    // Names in addresses that are identifiers or documents and nothing is fetched from.
    private static readonly string[] KnownHosts =
    [
        "microsoft.com", "www.kernel.org", "docs.kernel.org", "uefi.org", "www.qemu.org", "libvirt.org", "www.w3.org", "schemas.microsoft.com",
    ];

    [Test]
    public void No_file_names_a_place_of_a_build_machine() => Assert.That(Lines(BuildMachine()), Is.Empty);

    [Test]
    public void No_file_names_a_package_registry() => Assert.That(Lines(Registry()), Is.Empty);

    [Test]
    public void Addresses_lead_to_documents_only()
    {
        var strangers = from line in Lines(Address())
                        where Address().Matches(line).Any(m => !KnownHosts.Contains(m.Groups["host"].Value))
                        select line;
        Assert.That(strangers, Is.Empty);
    }

    private static IEnumerable<string> Lines(Regex pattern) =>
        from file in Checkout.Files()
        from line in File.ReadLines(Path.Combine(Checkout.Root, file)).Index()
        where pattern.IsMatch(line.Item)
        select $"{file}:{line.Index + 1}: {line.Item.Trim()}";

    // Written so that this file does not match itself.
    [GeneratedRegex(@"/w[o]rk/|/h[o]me/\w|/r[o]ot/\w|/tmp/[w]/|/Us[e]rs/\w|\b[A-Z]:\\\\?Us[e]rs", RegexOptions.CultureInvariant)]
    private static partial Regex BuildMachine();

    [GeneratedRegex(@"\b(n[u]get|npmj[s]|pyp[i]|crate[s]|rubygem[s]|jfro[g]|artifactor[y])\.(org|com|io|net)\b|\bartifactor[y]\b|packag[e]Source", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Registry();

    [GeneratedRegex(@"\b(https?|ftp|git|ssh)://(?<host>[A-Za-z0-9._-]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Address();
}
