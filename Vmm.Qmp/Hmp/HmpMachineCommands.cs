using Vmm.Qmp.Schema;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Hmp;

/// <summary>The commands about the machine and its run state.</summary>
internal static class HmpMachineCommands
{
    internal static IEnumerable<HmpCommand> Commands(CommandHandlers handlers) =>
    [
        new("stop", "stop emulation", hmp => handlers.RunState.Stop(hmp.Context)) { Alias = "s" },
        new("cont", "resume emulation", hmp => handlers.RunState.Cont(hmp.Context)) { Alias = "c" },
        new("system_reset", "reset the system", hmp => handlers.RunState.SystemReset(hmp.Context)),
        new("system_powerdown", "send system power down event", hmp => handlers.RunState.SystemPowerdown(hmp.Context)),
        new("quit", "quit the emulator", hmp => handlers.Control.Quit(hmp.Context)) { Alias = "q", IsLast = true },
    ];

    internal static IEnumerable<HmpCommand> Information(CommandHandlers handlers) =>
    [
        new("status", "show the current VM status (running|paused)", async hmp =>
        {
            var status = await handlers.RunState.QueryStatus(hmp.Context);
            bool plain = status.Running || status.Status == RunState.Paused;
            hmp.Line($"VM status: {(status.Running ? "running" : "paused")}{(plain ? "" : $" ({status.Status.ToQapi()})")}");
        }),
        new("version", "show the version", hmp =>
        {
            var version = QmpVersion.Current;
            hmp.Line($"{version.Major}.{version.Minor}.{version.Micro} ({version.Package})");
            return ValueTask.CompletedTask;
        }),
        new("name", "show the current VM name", async hmp =>
        {
            if ((await handlers.Machine.QueryName(hmp.Context)).Name is { } name)
            {
                hmp.Line(name);
            }
        }),
        new("uuid", "show the current VM UUID", async hmp => hmp.Line((await handlers.Machine.QueryUuid(hmp.Context)).Uuid)),
        new("kvm", "show KVM information", async hmp =>
        {
            var kvm = await handlers.Machine.QueryKvm(hmp.Context);
            hmp.Line($"kvm support: {(kvm.Present ? kvm.Enabled ? "enabled" : "disabled" : "not compiled")}");
        }),
        new("cpus", "show infos for each CPU", async hmp =>
        {
            foreach (var cpu in await handlers.Machine.QueryCpusFast(hmp.Context))
            {
                hmp.Line($"{(cpu.CpuIndex == 0 ? '*' : ' ')} CPU #{cpu.CpuIndex}: thread_id={cpu.ThreadId}");
            }
        }),
        new("memdev", "show memory backends", async hmp =>
        {
            foreach (var backend in await handlers.Machine.QueryMemdev(hmp.Context))
            {
                Describe(hmp, backend);
            }

            hmp.Line();
        }),
    ];

    private static void Describe(HmpInvocation hmp, Memdev backend)
    {
        hmp.Line($"memory backend: {backend.Id}");
        hmp.Line($"  size:  {backend.Size}");
        hmp.Line($"  merge: {Text(backend.Merge)}");
        hmp.Line($"  dump: {Text(backend.Dump)}");
        hmp.Line($"  prealloc: {Text(backend.Prealloc)}");
        hmp.Line($"  share: {Text(backend.Share)}");
        if (backend.Reserve is { } reserve)
        {
            hmp.Line($"  reserve: {Text(reserve)}");
        }

        hmp.Line($"  policy: {backend.Policy.ToQapi()}");
        hmp.Line($"  host nodes: {string.Join(' ', backend.HostNodes)}");
    }

    private static string Text(bool value) => value ? "true" : "false";
}
