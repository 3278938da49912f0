using Microsoft.Win32.SafeHandles;

namespace Vmm.Core.Chardevs;

/// <summary>A descriptor that a chardev hands to the next process. The handle stays the chardev's.</summary>
/// <param name="Name">Under which the next process's chardev of the same label asks for it: <c>chardev/serial0/listener</c>.</param>
/// <param name="Kind">What it is: file, pty, listener, connection.</param>
/// <param name="Handle">The descriptor.</param>
public readonly record struct ChardevDescriptor(string Name, string Kind, SafeFileHandle Handle);
