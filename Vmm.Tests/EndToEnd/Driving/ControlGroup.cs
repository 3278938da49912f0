// A control group of the host, below the one that the tests run in, so that it has whatever limits they have. Version 2 has one
// hierarchy, version 1 one for each controller. Source: cgroups(7).

using System.Globalization;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.EndToEnd.Driving;

/// <summary>A control group that a test made.</summary>
internal sealed class ControlGroup : IAsyncDisposable
{
    /// <summary>The hierarchy of version 2.</summary>
    internal const string Unified = "cgroup2";

    /// <summary>The hierarchy of version 1 that counts memory.</summary>
    internal const string Memory = "memory";

    private readonly string _path;

    private ControlGroup(string path) => _path = path;

    /// <summary>
    /// Makes a group in a hierarchy, <see cref="Unified"/> or that of a controller of version 1; where that cannot be, the test is skipped.
    /// </summary>
    internal static ControlGroup Make(string hierarchy)
    {
        if (Mount(hierarchy) is not (string root, string point))
        {
            throw Skipped($"no {hierarchy} hierarchy is mounted");
        }

        // A container may see only a part of the hierarchy, and a group of its own that lies outside of that part.
        string parent = Path.Join(point, Path.GetRelativePath(root, OwnGroup(hierarchy)));
        if (!File.Exists(Path.Join(parent, "cgroup.procs")))
        {
            throw Skipped($"there is no control group {parent}");
        }

        string path = Path.Join(parent, $"vmm-{Guid.NewGuid():n}");
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception refusal) when (refusal is IOException or UnauthorizedAccessException)
        {
            throw Skipped(refusal.Message);
        }

        return new ControlGroup(path);
    }

    /// <summary>Makes a group whose memory is counted, of whichever version.</summary>
    internal static ControlGroup MakeCounting() => Make(Mount(Memory) is null ? Unified : Memory);

    /// <summary>How many bytes are charged to it; where the kernel does not count them, the test is skipped.</summary>
    internal long Charge
    {
        get
        {
            string[] files = [Path.Join(_path, "memory.usage_in_bytes"), Path.Join(_path, "memory.current")];
            return Array.Find(files, File.Exists) is { } file
                ? long.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture)
                : throw Skipped($"memory is not counted in {_path}");
        }
    }

    /// <summary>Whether every thread of a process is in the group.</summary>
    internal bool Holds(int process) =>
        Directory.EnumerateDirectories($"/proc/{process}/task").All(task => Array.Exists(
            File.ReadAllLines(Path.Join(task, "cgroup")),
            line => line.EndsWith($"/{Path.GetFileName(_path)}", StringComparison.Ordinal)));

    /// <summary>The command line that runs a program in the group.</summary>
    internal string[] Running(string program) => ["/bin/sh", "-c", $"echo $$ > {Shell.Quote(_path)}/cgroup.procs && exec \"$0\" \"$@\"", program];

    /// <summary>Removes the group, which the host refuses as long as a process is in it.</summary>
    internal void Remove() => Directory.Delete(_path);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        if (Directory.Exists(_path))
        {
            Remove();
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Which part of a hierarchy is mounted, and where, or null if none is; a line is: id, parent, device, root, mount point … - type source options.
    /// </summary>
    private static (string Root, string Point)? Mount(string hierarchy) =>
        (from line in File.ReadLines("/proc/self/mountinfo")
         let sides = line.Split(" - ")
         let file = sides[1].Split(' ')
         where hierarchy == Unified ? file[0] == "cgroup2" : file[0] == "cgroup" && file[2].Split(',').Contains(hierarchy)
         let place = sides[0].Split(' ')
         select ((string, string)?)(place[3], place[4])).FirstOrDefault();

    /// <summary>The group that the tests are in; a line is: number, controllers, path, and the number of version 2 is 0.</summary>
    private static string OwnGroup(string hierarchy) =>
        (from line in File.ReadLines("/proc/self/cgroup")
         let parts = line.Split(':', 3)
         where hierarchy == Unified ? parts[0] == "0" : parts[1].Split(',').Contains(hierarchy)
         select parts[2]).Single();

    private static IgnoreException Skipped(string reason)
    {
        string loud = $"SKIPPED: no control group can be had: {reason}";
        TestContext.Progress.WriteLine(loud);
        return new IgnoreException(loud);
    }
}
