using Vmm.Core.Configuration;
using Vmm.Tests.Unit.Boot;
using Vmm.Tests.Unit.Devices;

namespace Vmm.Tests.Unit.Machines;

/// <summary>A directory with a kernel, and configurations of machines that live in it.</summary>
internal sealed class MachineFiles : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("vmm-").FullName;

    internal MachineFiles() => File.WriteAllBytes(Path("kernel"), Images.Elf(is64: false));

    /// <summary>A small machine whose RAM another process can take over, with a serial port that writes to a file.</summary>
    internal MachineConfiguration Configuration => new()
    {
        RamSize = 4UL << 20,
        AuxRamShare = true,
        KernelPath = Path("kernel"),
        Chardevs = [new FileChardevConfiguration("serial0", Path("serial"), Append: false), new NullChardevConfiguration("debug")],
        Devices = [DeviceOption.Parse("isa-serial,chardev=serial0"), DeviceOption.Parse("isa-debugcon,chardev=debug")],
    };

    internal string Path(string name) => System.IO.Path.Combine(_directory, name);

    internal IReadOnlyList<string> Names => [.. Directory.GetFileSystemEntries(_directory).Select(e => System.IO.Path.GetFileName(e)).Order()];

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
