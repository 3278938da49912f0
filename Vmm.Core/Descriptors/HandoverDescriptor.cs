using System.Runtime.InteropServices;

namespace Vmm.Core.Descriptors;

/// <summary>An open descriptor that goes to the next process when the guest does.</summary>
/// <param name="Name">What it is to both processes: "ram/mem0", "chardev/serial0/file", "boot/kernel".</param>
/// <param name="Handle">The descriptor; the owner keeps it.</param>
public sealed record HandoverDescriptor(string Name, SafeHandle Handle);
