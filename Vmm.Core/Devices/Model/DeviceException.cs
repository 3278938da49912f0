using Vmm.Core.Errors;

namespace Vmm.Core.Devices.Model;

/// <summary>A device that was requested cannot be made; the message is for the operator.</summary>
/// <param name="message">What is wrong and what was expected.</param>
public sealed class DeviceException(string message) : VmmException(message);
