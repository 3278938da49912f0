// What two processes may disagree on while a guest goes from one to the other, and what the operator may not have meant.
//
// The guest notices none of it then. Where a thing crosses, the new process's value does not count: kernel and
// initial RAM disk stay the files that the guest was booted from, an open back end the one that it is. Where it does not
// cross, the new process's value counts from now on: whether the guest waits for cont, the kernel's command line at the next
// reset, what a reset or a power-off does, what a core dump holds. Either is reported and stops nothing.

using System.Globalization;
using Vmm.Core.Backends.Block;
using Vmm.Core.Backends.Net;
using Vmm.Core.Devices.Model;

namespace Vmm.Core.Configuration;

/// <summary>Lists a configuration's properties that no guest sees and an operator may care for.</summary>
public static class HostOnlyProperties
{
    private const string None = "none";

    /// <summary>The properties in a fixed order.</summary>
    /// <param name="machine">A consistent configuration.</param>
    public static IEnumerable<PropertyValue> Of(MachineConfiguration machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return
        [
            new("boot", "kernel", machine.KernelPath ?? None),
            new("boot", "initrd", machine.InitrdPath ?? None),
            new("boot", "append", machine.KernelCommandLine),
            new("machine", "name", machine.Name),
            new("machine", "S", Switch(machine.StartPaused)),
            new("machine", "no-reboot", Switch(machine.NoReboot)),
            new("machine", "no-shutdown", Switch(machine.NoShutdown)),
            new("machine", "dump-guest-core", Switch(machine.DumpGuestCore)),
            .. machine.MemoryBackends.OrderBy(b => b.Id, StringComparer.Ordinal)
                .Select(b => new PropertyValue($"memory backend {b.Id}", "mem-path", b.MemPath ?? None)),
            .. machine.Rngs.OrderBy(rng => rng.Id, StringComparer.Ordinal).Select(RngProperty),
            .. machine.CompleteDevices.SelectMany(device => DeviceProperties(machine, device)),
            .. GuestVisibleProperties.SpareChardevs(machine).Select(
                chardev => new PropertyValue(GuestVisibleProperties.SubjectOf(chardev), "path", PathOf(chardev))),
            .. GuestVisibleProperties.SpareNetdevs(machine).Select(
                netdev => new PropertyValue(GuestVisibleProperties.SubjectOf(netdev), "path", PathOf(netdev))),
        ];
    }

    private static PropertyValue RngProperty(RngConfiguration rng) =>
        new($"rng {rng.Id}", "source", rng is FileRngConfiguration file ? file.Filename : rng.TypeName);

    private static IEnumerable<PropertyValue> DeviceProperties(MachineConfiguration machine, DeviceConfiguration device)
    {
        string subject = device.Type.SubjectOf(device);
        return
        [
            .. device.Type.Properties.Where(property => property.Visibility == Visibility.Host)
                .Select(property => new PropertyValue(subject, property.Name, device.TextOf(property))),
            .. device.Type.Properties.OfType<ChardevProperty>()
                .Select(property => new PropertyValue(subject, "path", PathOf(GuestVisibleProperties.BackEndOf(machine, device, property)))),
            .. device.Type.Properties.OfType<DriveProperty>().Select(property => new PropertyValue(
                subject, "filename", BlockPath.Of(machine, device.ValueOf(property) as string).OfType<FileNodeConfiguration>().FirstOrDefault()?.Filename ?? None)),
            .. device.Type.Properties.OfType<ChardevProperty>()
                .Select(property => GuestVisibleProperties.BackEndOf(machine, device, property)?.LogFile).OfType<string>()
                .Select(logFile => new PropertyValue(subject, "logfile", logFile)),
            .. device.Type.Properties.OfType<NetdevProperty>()
                .Select(property => new PropertyValue(subject, "netdev path", PathOf(GuestVisibleProperties.NetdevOf(machine, device, property)))),
        ];
    }

    private static string PathOf(ChardevConfiguration? backEnd) => backEnd switch
    {
        FileChardevConfiguration file => file.Path,
        PtyChardevConfiguration pty => pty.Path ?? None,
        SocketChardevConfiguration socket => socket.Path ?? (socket.Host is { } host ? $"{host}:{Number(socket.Port)}" : None),
        _ => None,
    };

    private static string PathOf(NetdevConfiguration? netdev) => netdev switch
    {
        TapNetdevConfiguration tap => tap.InterfaceName ?? None,
        StreamNetdevConfiguration stream => stream.Socket.Path ?? stream.Socket.Tcp?.Text() ?? None,
        UserNetdevConfiguration user => string.Join(' ', ["passt", .. user.Arguments]),
        _ => None,
    };

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Switch(bool value) => value ? "on" : "off";
}
