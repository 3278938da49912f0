using System.Globalization;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Native;

/// <summary>What keeps an address space while its process becomes another program.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class AddressSpaceHolderTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Test]
    public void It_has_the_address_space_and_no_descriptor_of_its_process()
    {
        using var holder = AddressSpaceHolder.Start(Long);
        string process = $"/proc/{Number(holder)}";
        Until(() => Directory.GetFileSystemEntries($"{process}/fd").Length == 0);

        nint address = MapFile("made-later");
        Assert.That(File.ReadAllText($"{process}/maps"), Does.Contain("memfd:made-later"), "it is the same address space, and no copy");
        Assert.That(Status(process, "SigBlk").Replace("0", ""), Does.StartWith("fffffff"), "no signal but SIGKILL reaches it");

        Mapping.Unmap(address, Environment.SystemPageSize);
        End(holder);
        Assert.That(Directory.Exists(process), Is.False);
    }

    [Test]
    public void It_ends_by_itself()
    {
        using var holder = AddressSpaceHolder.Start(TimeSpan.FromSeconds(1));

        Until(() => PidFd.HasEnded(holder.Process));
        Assert.That(PidFd.Reap(holder.Process), Is.False, "no signal was needed");
    }

    [Test]
    public void It_ends_with_the_thread_that_made_it()
    {
        AddressSpaceHolder? holder = null;
        var thread = new Thread(() =>
        {
            holder = AddressSpaceHolder.Start(Long);
            Until(() => Directory.GetFileSystemEntries($"/proc/{Number(holder)}/fd").Length == 0);
        });
        thread.Start();
        thread.Join();

        using var made = holder!;
        Until(() => PidFd.HasEnded(made.Process));
        Assert.That(PidFd.Reap(made.Process), Is.True, "a signal ended it");
    }

    [Test]
    public void The_thread_that_made_it_has_its_signals_as_before()
    {
        string before = Status("/proc/thread-self", "SigBlk");
        using var holder = AddressSpaceHolder.Start(Long);

        Assert.That(Status("/proc/thread-self", "SigBlk"), Is.EqualTo(before));
        End(holder);
    }

    private static nint MapFile(string name)
    {
        using var file = Memfd.Create(name, Environment.SystemPageSize);
        return Mapping.MapShared(file, Environment.SystemPageSize);
    }

    private static void End(AddressSpaceHolder holder)
    {
        AddressSpaceHolder.End(holder.Process);
        Until(() => PidFd.HasEnded(holder.Process));
        _ = PidFd.Reap(holder.Process);
    }

    private static int Number(AddressSpaceHolder holder) =>
        int.Parse(Field($"/proc/self/fdinfo/{holder.Process.DangerousGetHandle()}", "Pid"), CultureInfo.InvariantCulture);

    private static string Status(string process, string field) => Field($"{process}/status", field);

    private static string Field(string file, string field) => File.ReadLines(file).First(line => line.StartsWith($"{field}:", StringComparison.Ordinal))[(field.Length + 1)..].Trim();

    private static void Until(Func<bool> condition) => Assert.That(SpinWait.SpinUntil(condition, Deadline), Is.True);
}
