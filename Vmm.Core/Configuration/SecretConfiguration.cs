namespace Vmm.Core.Configuration;

/// <summary>Something that only its user may know, such as a password or a key (-object secret).</summary>
/// <param name="Id">Its id, unique among all objects.</param>
/// <param name="Content">What it is; introspection does not show it.</param>
public sealed record SecretConfiguration(string Id, ReadOnlyMemory<byte> Content)
{
    /// <summary>The type as QEMU spells it.</summary>
    public const string TypeName = "secret";

    /// <summary>The file that it came from; null if it was given on the command line.</summary>
    public string? Filename { get; init; }

    /// <summary>Its id only: a text may be logged.</summary>
    public override string ToString() => $"{TypeName} {Id}";
}
