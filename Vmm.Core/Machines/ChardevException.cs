using Vmm.Core.Errors;

namespace Vmm.Core.Machines;

/// <summary>A character back end cannot be added, removed or changed; the message says why.</summary>
/// <param name="message">What is wrong.</param>
/// <param name="cause">The error underneath, if any.</param>
public sealed class ChardevException(string message, Exception? cause = null) : VmmException(message, cause);
