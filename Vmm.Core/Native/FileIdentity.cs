namespace Vmm.Core.Native;

/// <summary>Which file it is: no two that exist at one time have the same identity, whatever their names.</summary>
/// <param name="Device">The device it lives on.</param>
/// <param name="Inode">Its number there.</param>
public readonly record struct FileIdentity(ulong Device, ulong Inode);
