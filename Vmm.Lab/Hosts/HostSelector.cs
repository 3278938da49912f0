using System.Text.RegularExpressions;

namespace Vmm.Lab.Hosts;

/// <summary>Chooses where Linux guests can run.</summary>
public static partial class HostSelector
{
    /// <summary>Whether this machine has a KVM device with hardware virtualization under it.</summary>
    public static bool CanRunLinuxGuestsHere =>
        File.Exists("/dev/kvm") && VirtualizationFlag().IsMatch(File.ReadAllText("/proc/cpuinfo"));

    /// <summary>How many processors run guests on the host that <see cref="SelectAsync"/> gives.</summary>
    public static int ProcessorsForGuests => CanRunLinuxGuestsHere ? Environment.ProcessorCount : LabHost.ProcessorsForGuests;

    /// <summary>This machine if it can run Linux guests, the freshly booted lab otherwise.</summary>
    /// <param name="progress">Gets a line for each thing that takes time.</param>
    /// <param name="cancellation">Gives up the boot.</param>
    public static async Task<IHost> SelectAsync(Action<string> progress, CancellationToken cancellation = default)
    {
        if (CanRunLinuxGuestsHere)
        {
            return new LocalHost();
        }

        progress("no hardware virtualization here: booting the lab");
        var lab = await LabHost.BootAsync(cancellation);
        progress($"the lab is up after {lab.BootTime.TotalSeconds:0.0} s");
        return lab;
    }

    [GeneratedRegex(@"^flags\s*:.*\b(vmx|svm)\b", RegexOptions.Multiline)]
    private static partial Regex VirtualizationFlag();
}
