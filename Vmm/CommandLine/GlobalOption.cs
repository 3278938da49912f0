namespace Vmm.CommandLine;

/// <summary>-global: of all default properties only migration.x-events, which turns migration events on before anyone can ask for them.</summary>
internal static class GlobalOption
{
    /// <summary>Reads migration.x-events=on|off, or driver=migration,property=x-events,value=on|off.</summary>
    internal static bool ReadMigrationEvents(OptionList options)
    {
        if (options.Take("driver") is { } driver)
        {
            var property = options.TakeRequired("property");
            var value = options.TakeRequired("value");
            options.Finish();
            options = OptionList.Parse($"{Escaped(driver)}.{Escaped(property)}={Escaped(value)}");
        }

        var on = options.TakeSwitch("migration.x-events");
        options.Finish();
        return on ?? throw new CommandLineException("expected migration.x-events=on|off");
    }

    private static string Escaped(string text) => text.Replace(",", ",,", StringComparison.Ordinal);
}
