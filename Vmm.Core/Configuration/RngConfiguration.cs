namespace Vmm.Core.Configuration;

/// <summary>A source of random numbers as -object rng-… describes it.</summary>
/// <param name="Id">Its id, unique among all objects.</param>
public abstract record RngConfiguration(string Id)
{
    /// <summary>Every type of source that there is, by its name, with how one of an id begins: what -object takes and introspection shows.</summary>
    public static IReadOnlyDictionary<string, Func<string, RngConfiguration>> Types { get; } =
        new SortedDictionary<string, Func<string, RngConfiguration>>(StringComparer.Ordinal)
        {
            [BuiltinRngConfiguration.Name] = static id => new BuiltinRngConfiguration(id),
            [FileRngConfiguration.Name] = static id => new FileRngConfiguration(id),
        };

    /// <summary>The type as QEMU spells it, such as rng-random.</summary>
    public abstract string TypeName { get; }
}

/// <summary>The kernel's own random numbers.</summary>
/// <param name="Id">Its id.</param>
public sealed record BuiltinRngConfiguration(string Id) : RngConfiguration(Id)
{
    /// <summary>The type's name.</summary>
    public const string Name = "rng-builtin";

    /// <inheritdoc/>
    public override string TypeName => Name;
}

/// <summary>Random numbers from a file: a device, a FIFO.</summary>
/// <param name="Id">Its id.</param>
public sealed record FileRngConfiguration(string Id) : RngConfiguration(Id)
{
    /// <summary>The type's name.</summary>
    public const string Name = "rng-random";

    /// <summary>Path of the file.</summary>
    public string Filename { get; init; } = "/dev/urandom";

    /// <inheritdoc/>
    public override string TypeName => Name;
}
