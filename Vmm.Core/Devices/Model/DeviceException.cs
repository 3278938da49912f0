using Vmm.Core.Errors;

namespace Vmm.Core.Devices.Model;

/// <summary>A device was asked for that cannot be; the message is for the operator.</summary>
/// <param name="message">What is wrong and what was expected.</param>
public sealed class DeviceException(string message) : VmmException(message);
