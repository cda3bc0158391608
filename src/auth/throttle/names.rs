//! What becomes of a name's counts when its user comes, is let go on, and goes; and of an address's when that is let go on.

use super::{ClientAddress, Name, Network, Tables, Throttle};
use crate::auth::user::Username;

impl Tables {
    fn forgive(&mut self, name: Name) {
        for table in [&mut self.pairs, &mut self.homes] {
            table.remove_where(|(one, _)| *one == name);
        }
        self.users.remove_where(|one| *one == name);
        self.holders.remove_where(|holder| holder.name == name);
    }

    fn forgive_at(&mut self, network: Network) {
        for table in [&mut self.pairs, &mut self.homes] {
            table.remove_where(|(_, at)| *at == network);
        }
        for table in [&mut self.addresses, &mut self.registrations, &mut self.codes, &mut self.tokens, &mut self.service_keys] {
            table.remove_where(|at| *at == network);
        }
    }
}

impl Throttle {
    /// A user has come to be: whatever was tried under its name before was no guess at its password, and where it comes from is
    /// where it is at home.
    pub(in crate::auth) fn welcome(&self, username: &Username, address: Option<ClientAddress>) {
        let Some(at) = self.place(username.as_str(), address) else { return };
        let (mut tables, now) = (self.tables(), self.now());
        if let Some(count) = tables.pairs.find_mut(&(at.name, at.network)) {
            count.forgive();
        }
        if let Some(count) = tables.users.find_mut(&at.name) {
            count.forgive();
        }
        tables.remember(at, now);
    }

    /// Forgets all failures of a user, at every address.
    pub(in crate::auth) fn forgive(&self, username: &Username) {
        let name = self.name(username.as_str());
        self.tables().forgive(name);
    }

    /// Forgets all failures at an address, whatever of, and the registrations.
    pub(in crate::auth) fn forgive_at(&self, network: Network) {
        self.tables().forgive_at(network);
    }

    /// A user is no more: the next of its name is at home nowhere yet, and has failed at nothing.
    pub(in crate::auth) fn forget(&self, username: &Username) {
        let name = self.name(username.as_str());
        let mut tables = self.tables();
        tables.forgive(name);
        tables.seen.remove_where(|(one, _)| *one == name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::tests::{guess, nth, secs, throttle, wrong};
    use super::*;

    #[test]
    fn of_a_user_that_is_no_more_nothing_is_remembered() {
        let throttle = throttle();
        assert!(guess(&throttle, "arun", nth(1), Outcome::Right, secs(0)));
        wrong(&throttle, "arun", nth(1), 5, secs(0));
        throttle.forget(&Username::parse("ARUN").unwrap());
        let tables = throttle.tables();
        assert_eq!([tables.seen.iter().count(), tables.pairs.iter().count(), tables.users.iter().count()], [0; 3]);
    }
}
