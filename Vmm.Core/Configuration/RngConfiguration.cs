namespace Vmm.Core.Configuration;

/// <summary>A source of random numbers as -object rng-… describes it.</summary>
/// <param name="Id">Its id, unique among all objects.</param>
public abstract record RngConfiguration(string Id)
{
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
