using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Native;

/// <summary>Names that others may have prepared, in a directory such as /tmp.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class OutputFileTests : IDisposable
{
    private const uint ForeignUser = 12345;
    private const uint OpenToAll = 0x1ff; // 0777
    private const uint StickyOpenToAll = 0x200 | OpenToAll; // 01777
    private const uint TheOwners = 0x1ed; // 0755

    private readonly string _folder = Directory.CreateTempSubdirectory("vmm-output-").FullName;

    private string FilePath => Path.Combine(_folder, "out");

    private string Target => Path.Combine(_folder, "target");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void What_is_missing_is_made_and_what_is_there_is_kept()
    {
        using (Open(out bool created))
        {
            Assert.That(created, Is.True);
        }

        File.WriteAllText(FilePath, "kept");
        using (Open(out bool created))
        {
            Assert.That(created, Is.False);
        }

        Assert.That(File.ReadAllText(FilePath), Is.EqualTo("kept"));
    }

    [Test]
    public void A_link_of_the_operators_own_is_followed_also_to_what_is_missing()
    {
        File.CreateSymbolicLink(FilePath, Target);

        using var file = Open(out _);

        Assert.That(HostFile.Stat(file).Identity, Is.EqualTo(HostFile.StatName(Target)?.Identity));
    }

    [TestCase(false)]
    [TestCase(true)]
    [Promise(49)]
    public void A_link_of_another_user_is_not_followed(bool openToAll)
    {
        Prepare(openToAll);
        File.WriteAllText(Target, "the operator's");
        File.CreateSymbolicLink(FilePath, Target);
        Give(FilePath);

        Assert.That(() => Open(out _), Throws.TypeOf<UntrustedFileException>().With.Message.EqualTo(
            $"open '{FilePath}': it is a symbolic link of user {ForeignUser}, and links of other users are not followed"));
        Assert.That(File.ReadAllText(Target), Is.EqualTo("the operator's"));
    }

    [Test]
    [Promise(49)]
    public void A_link_that_any_user_may_replace_is_not_followed()
    {
        SetMode(_folder, OpenToAll);
        File.CreateSymbolicLink(FilePath, Target);

        Assert.That(() => Open(out _), Throws.TypeOf<UntrustedFileException>().With.Message.Contains("every user may replace it"));
    }

    [Test]
    [Promise(49)]
    public void A_file_of_another_user_is_written_to_only_in_a_directory_of_the_operators()
    {
        Prepare(openToAll: false);
        File.WriteAllText(FilePath, "");
        Give(FilePath);
        Open(out _).Dispose();
        Prepare(openToAll: true);

        Assert.That(() => Open(out _), Throws.TypeOf<UntrustedFileException>().With.Message.Contains($"it belongs to user {ForeignUser}"));
    }

    [Test]
    public void Streams_that_the_operator_names_are_opened()
    {
        using var file = OutputFile.Open("/dev/null", append: true, readable: false, 0x180, out bool created);

        Assert.That(HostFile.Stat(file).IsStream, Is.True);
        Assert.That(created, Is.False);
    }

    private void Prepare(bool openToAll)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("SKIPPED: only root can give files to other users");
        }

        SetMode(_folder, openToAll ? StickyOpenToAll : TheOwners);
    }

    private SafeFileHandle Open(out bool created) => OutputFile.Open(FilePath, append: false, readable: false, 0x180, out created);

    private static void Give(string path)
    {
        if (ChangeOwnerOfName(path, ForeignUser, ForeignUser) != 0)
        {
            throw new IOException($"lchown {path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    private static void SetMode(string path, uint mode)
    {
        if (ChangeMode(path, mode) != 0)
        {
            throw new IOException($"chmod {path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeMode(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwnerOfName(string path, uint user, uint group);
}
