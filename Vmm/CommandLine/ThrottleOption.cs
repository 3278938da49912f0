using Vmm.Core.Backends.Block;

namespace Vmm.CommandLine;

/// <summary>The limits of a throttle group: -object throttle-group (x-bps-total=, or limits as JSON) and -drive throttling.bps-total=.</summary>
internal static class ThrottleOption
{
    /// <summary>Reads -object throttle-group.</summary>
    internal static ThrottleGroupConfiguration ReadObject(string id, OptionList options)
    {
        var group = ReadLimits(id, name => Take(options, $"limits.{name}", $"x-{name}"));
        options.Finish();
        return group;
    }

    /// <summary>Reads the limits of a drive.</summary>
    internal static ThrottleGroupConfiguration ReadDrive(string id, OptionList options) => ReadLimits(id, name => Take(options, $"throttling.{name}"));

    private static ThrottleGroupConfiguration ReadLimits(string id, Func<string, ulong?> take)
    {
        var group = new ThrottleGroupConfiguration(id)
        {
            TotalBytes = ReadLimit("bps-total", take),
            ReadBytes = ReadLimit("bps-read", take),
            WriteBytes = ReadLimit("bps-write", take),
            TotalRequests = ReadLimit("iops-total", take),
            ReadRequests = ReadLimit("iops-read", take),
            WriteRequests = ReadLimit("iops-write", take),
            RequestSize = take("iops-size") ?? 0,
        };
        return ThrottleRules.Violation(group) is { } violation ? throw new CommandLineException(violation) : group;
    }

    private static ThrottleLimit ReadLimit(string name, Func<string, ulong?> take)
    {
        var (average, burst, seconds) = (take(name), take($"{name}-max"), take($"{name}-max-length"));
        return seconds == 0 ? throw new CommandLineException("the burst length cannot be 0")
            : average is null && burst is null && seconds is null ? default
            : new ThrottleLimit(average ?? 0, burst ?? 0, seconds ?? 1);
    }

    private static ulong? Take(OptionList options, params string[] keys) =>
        keys.Select(key => options.TakeWholeNumber(key, ThrottleRules.Greatest)).LastOrDefault(value => value is not null);
}
