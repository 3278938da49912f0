using Vmm.Core.Errors;

namespace Vmm.Core.Machines;

/// <summary>An object cannot be added or removed; the message says why.</summary>
/// <param name="message">What is wrong.</param>
public sealed class ObjectException(string message) : VmmException(message);
