namespace Vmm.Core.Buses;

/// <summary>Decides where the interrupts of a controller in user space lead.</summary>
public interface IInterruptRouter
{
    /// <summary>
    /// Changes routes, all in one step. An interrupt whose line is high when it becomes routed is raised again. Any thread.
    /// </summary>
    /// <param name="routes">The changes; interrupts that are not among them keep their routes.</param>
    void Route(ReadOnlySpan<InterruptRoute> routes);
}
