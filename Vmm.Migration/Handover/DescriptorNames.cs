namespace Vmm.Migration.Handover;

/// <summary>Names of descriptors that the handover itself sends; their owners name the others.</summary>
internal static class DescriptorNames
{
    /// <summary>The baton's memfd.</summary>
    internal const string Baton = "baton";

    /// <summary>A RAM block's file.</summary>
    internal static string Ram(string block) => $"ram/{block}";
}
