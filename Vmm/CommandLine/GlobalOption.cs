// -global sets a default of a driver. Two are there: migration.x-events turns migration events on before anyone can ask for them, and
// virtio-mmio.force-legacy=off says what is so in any case. QEMU's default is legacy virtio-mmio (version 1), which this program does not have;
// management that wants version 2 states it, and management that insists on legacy is refused.

namespace Vmm.CommandLine;

/// <summary>-global.</summary>
internal static class GlobalOption
{
    private const string Events = "migration.x-events";
    private const string ForceLegacy = "virtio-mmio.force-legacy";

    /// <summary>Reads DRIVER.PROPERTY=VALUE, or driver=DRIVER,property=PROPERTY,value=VALUE.</summary>
    internal static void Apply(ConfigurationDraft draft, OptionList options)
    {
        if (options.Take("driver") is { } driver)
        {
            var property = options.TakeRequired("property");
            var value = options.TakeRequired("value");
            options.Finish();
            options = OptionList.Parse($"{Escaped(driver)}.{Escaped(property)}={Escaped(value)}");
        }

        bool? events = options.TakeSwitch(Events);
        bool? legacy = options.TakeSwitch(ForceLegacy);
        options.Finish();
        if (legacy == true)
        {
            throw new CommandLineException(
                $"{ForceLegacy}=on: legacy virtio-mmio (version 1) is not there; expected {ForceLegacy}=off, and a guest with virtio 1.0 or later");
        }

        if (events is { } on)
        {
            draft.Program = draft.Program with { MigrationEvents = on };
        }
        else if (legacy is null)
        {
            throw new CommandLineException($"expected {Events}=on|off or {ForceLegacy}=off");
        }
    }

    private static string Escaped(string text) => text.Replace(",", ",,", StringComparison.Ordinal);
}
