using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;
using Vmm.Core.Machines;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Commands;

/// <summary>Objects as object-add describes them.</summary>
internal static class ObjectOptionsReader
{
    /// <summary>Adds an object to those of a machine.</summary>
    internal static void Add(MachineObjects objects, ObjectOptions options)
    {
        switch (options)
        {
            case ObjectOptionsIothread thread:
                objects.Add(Read(options.Id, thread.Data));
                break;
            case ObjectOptionsThrottleGroup group:
                objects.Add(Read(options.Id, group.Data.Limits ?? new ThrottleLimits()));
                break;
            case ObjectOptionsSecret secret:
                var (data, file) = (secret.Data.Data, secret.Data.File);
                objects.Add(new SecretConfiguration(options.Id, SecretContent.Read(data, file, secret.Data.Format == QCryptoSecretFormat.Base64)) { Filename = file });
                break;
            default:
                throw new InvalidOperationException($"the schema has a type of object that is unknown here: {options.GetType().Name}");
        }
    }

    private static IoThreadConfiguration Read(string id, IothreadProperties properties)
    {
        var thread = new IoThreadConfiguration(id);
        return properties.PollMaxNs switch
        {
            null => thread,
            < 0 => throw QmpException.GenericError($"poll-max-ns value must be in range [0, {long.MaxValue}]"),
            { } poll => thread with { PollMaxNanoseconds = poll },
        };
    }

    private static ThrottleGroupConfiguration Read(string id, ThrottleLimits limits) => new(id)
    {
        TotalBytes = Limit(limits.BpsTotal, limits.BpsTotalMax, limits.BpsTotalMaxLength),
        ReadBytes = Limit(limits.BpsRead, limits.BpsReadMax, limits.BpsReadMaxLength),
        WriteBytes = Limit(limits.BpsWrite, limits.BpsWriteMax, limits.BpsWriteMaxLength),
        TotalRequests = Limit(limits.IopsTotal, limits.IopsTotalMax, limits.IopsTotalMaxLength),
        ReadRequests = Limit(limits.IopsRead, limits.IopsReadMax, limits.IopsReadMaxLength),
        WriteRequests = Limit(limits.IopsWrite, limits.IopsWriteMax, limits.IopsWriteMaxLength),
        RequestSize = NotNegative(limits.IopsSize) ?? 0,
    };

    private static ThrottleLimit Limit(long? average, long? burst, long? seconds) =>
        seconds == 0 ? throw QmpException.GenericError("the burst length cannot be 0")
        : average is null && burst is null && seconds is null ? default
        : new ThrottleLimit(NotNegative(average) ?? 0, NotNegative(burst) ?? 0, NotNegative(seconds) ?? 1);

    private static ulong? NotNegative(long? value) => value switch
    {
        null => null,
        < 0 => throw QmpException.GenericError("Property values cannot be negative"),
        _ => (ulong)value,
    };
}
