// The objects of -object as /objects has them. What a secret holds is not among its properties: who may ask about the machine need not know it.

using Vmm.Core.Backends.Block;
using Vmm.Core.Configuration;

namespace Vmm.Core.Objects;

/// <summary>The nodes of /objects.</summary>
internal static class UserObjects
{
    /// <summary>The objects of a machine, in the order of their kinds.</summary>
    internal static IReadOnlyList<ObjectNode> Of(MachineConfiguration machine) =>
    [
        .. machine.MemoryBackends.Select(Backend),
        .. machine.Rngs.Select(Rng),
        .. machine.IoThreads.Select(IoThread),
        .. machine.ThrottleGroups.Where(group => !machine.Drives.Any(drive => drive.ThrottleGroup == group.Id)).Select(ThrottleGroup),
        .. machine.Secrets.Select(Secret),
    ];

    private static ObjectNode Backend(MemoryBackendConfiguration backend) => new(
        backend.Id,
        backend.TypeName,
        [
            new("size", "size", backend.Size),
            new("share", "bool", backend.Share),
            new("prealloc", "bool", backend.Prealloc),
        ],
        []);

    private static ObjectNode Rng(RngConfiguration rng) => new(
        rng.Id, rng.TypeName, rng is FileRngConfiguration file ? [new ObjectProperty("filename", "string", file.Filename)] : [], []);

    private static ObjectNode IoThread(IoThreadConfiguration thread) => new(
        thread.Id,
        IoThreadConfiguration.TypeName,
        [
            new("poll-max-ns", "int", (ulong)thread.PollMaxNanoseconds),
            new("poll-grow", "int", 0UL),
            new("poll-shrink", "int", 0UL),
            new("aio-max-batch", "int", 0UL),
        ],
        []);

    private static ObjectNode ThrottleGroup(ThrottleGroupConfiguration group) => new(
        group.Id,
        ThrottleGroupConfiguration.TypeName,
        [
            .. Limit("bps-total", group.TotalBytes),
            .. Limit("bps-read", group.ReadBytes),
            .. Limit("bps-write", group.WriteBytes),
            .. Limit("iops-total", group.TotalRequests),
            .. Limit("iops-read", group.ReadRequests),
            .. Limit("iops-write", group.WriteRequests),
            new("x-iops-size", "int", group.RequestSize),
        ],
        []);

    private static IEnumerable<ObjectProperty> Limit(string name, ThrottleLimit limit) =>
    [
        new($"x-{name}", "int", limit.Average),
        new($"x-{name}-max", "int", limit.Burst),
        new($"x-{name}-max-length", "int", Math.Max(limit.BurstSeconds, 1)),
    ];

    private static ObjectNode Secret(SecretConfiguration secret) => new(
        secret.Id, SecretConfiguration.TypeName, secret.Filename is { } file ? [new ObjectProperty("file", "string", file)] : [], []);
}
