using System.IO.Compression;
using System.Text.RegularExpressions;

namespace Vmm.Tests.Faults.SystemCalls;

/// <summary>
/// The injector's errors are those that the man pages of section 2 name, where they are installed (Debian's manpages-dev, and liburing-dev for
/// those of io_uring).
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class ManPageTests
{
    private const string Folder = "/usr/share/man/man2";

    /// <summary>What a page's list names besides errors that a program can see.</summary>
    private static readonly string[] NoErrors = ["EPOLLEXCLUSIVE", "ERESTARTSYS"];

    /// <summary>Calls without a page of their own.</summary>
    private static readonly string[] WithoutPage = ["rseq", "futex_waitv"];

    private static IEnumerable<int> Calls => CallTable.All.Select(call => call.Number);

    [TestCaseSource(nameof(Calls))]
    public void Every_error_that_the_page_of_a_call_names_is_tried(int number)
    {
        var call = CallTable.Of(number);
        if (!Directory.Exists(Folder) || !File.Exists(PathOf("read")))
        {
            Assert.Ignore("the man pages of system calls are not installed (manpages-dev): the injector's table of errors was not held against them");
        }

        if (WithoutPage.Contains(call.Name))
        {
            Assert.That(File.Exists(PathOf(call.Name)), Is.False);
            return;
        }

        if (call.Name.StartsWith("io_uring", StringComparison.Ordinal) && !File.Exists(PathOf(call.Name)))
        {
            Assert.Ignore("the man pages of io_uring are not installed (liburing-dev): the injector's table of errors was not held against them");
        }

        string[] named = [.. ErrorEntry().Matches(Errors().Match(Read(call.Name)).Value).Select(match => match.Groups["name"].Value).Except(NoErrors)];

        Assert.That(named.Except(call.Errnos), Is.Empty);
    }

    private static string PathOf(string name) => Path.Combine(Folder, name + ".2.gz");

    private static string Read(string name)
    {
        using var unpacked = new GZipStream(File.OpenRead(PathOf(name)), CompressionMode.Decompress);
        using var reader = new StreamReader(unpacked);
        string text = reader.ReadToEnd();
        return Redirection().Match(text) is { Success: true } other ? Read(other.Groups["name"].Value) : text;
    }

    [GeneratedRegex(@"\A\s*\.so man2/(?<name>\w+)\.2")]
    private static partial Regex Redirection();

    [GeneratedRegex(@"^\.SH ERRORS.*?(?=^\.SH |\z)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Errors();

    [GeneratedRegex(@"^\.(B|BR|IP) +""?(?<name>E[A-Z0-9]+)\b", RegexOptions.Multiline)]
    private static partial Regex ErrorEntry();
}
